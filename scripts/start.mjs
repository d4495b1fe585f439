// npm start: the demonstration, from a fresh clone. Arguments after -- go on to `quiesce demo`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const program = join(root, 'build/src/cli/main.js')
const { status } = spawnSync(process.execPath, [program, 'demo', ...process.argv.slice(2)], { stdio: 'inherit' })
process.exitCode = status ?? 1
