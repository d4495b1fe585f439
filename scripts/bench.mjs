// npm run bench: time to quiet, the procedure's own cost, and `quiesce list` beside lspci. Arguments after -- go on to
// bench/main.ts; what the numbers mean is in docs/benchmarks.md.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const { status } = spawnSync(process.execPath, [join(root, 'build/bench/main.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
