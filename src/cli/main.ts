#!/usr/bin/env node
import { runProgram } from './program.js'
import { processTerminal } from './terminal.js'

// `quiesce list | head` closes the pipe early: that is the reader's right, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
  throw error
})

// Not process.exit: what was printed to a pipe must get out first.
process.exitCode = await runProgram(process.argv.slice(2), processTerminal())
