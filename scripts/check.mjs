// One command for everything that can be checked without running the code: types, lint, format, import directions,
// and exports or dependencies that nobody uses.
import { spawnSync } from 'node:child_process'
import { bin, ensureInstalled, root } from './ensure.mjs'

const steps = [
  { name: 'types', program: ['typescript', 'tsc'], args: ['-p', 'tsconfig.json'] },
  {
    name: 'lint, format, import directions',
    program: ['@biomejs/biome', 'biome'],
    args: ['check', '--error-on-warnings', '.'],
  },
  {
    name: 'unused files, exports, dependencies',
    program: ['knip', 'knip'],
    args: ['--no-progress', '--no-config-hints'],
  },
]

/** Runs every step; returns the names of those that failed. */
export function check() {
  return steps
    .filter(({ name, program: [packageName, command], args }) => {
      // Looked up only now: before the dependencies are installed there is nothing to be found.
      const { status } = spawnSync(process.execPath, [bin(packageName, command), ...args], {
        cwd: root,
        stdio: 'inherit',
      })
      console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name}`)
      return status !== 0
    })
    .map((step) => step.name)
}

if (import.meta.url === `file://${process.argv[1]}`) {
  ensureInstalled()
  process.exitCode = check().length === 0 ? 0 : 1
}
