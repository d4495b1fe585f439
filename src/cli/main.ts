#!/usr/bin/env node
import { outliveReaders } from './outlive-readers.js'
import { runProgram } from './program.js'
import { processTerminal } from './terminal.js'

outliveReaders()
// Not process.exit: what was printed to a pipe must get out first.
process.exitCode = await runProgram(process.argv.slice(2), processTerminal())
