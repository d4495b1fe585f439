// npm run vm: a shell in the test VM, with devices to play with. Arguments after -- name the devices (see test/vm/shell.ts).
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const { status } = spawnSync(process.execPath, [join(root, 'build/test/vm/shell.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
