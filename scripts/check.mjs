// One command for everything that can be checked without running the code: types, lint, format, import directions,
// and exports or dependencies that nobody uses.
import { spawnSync } from 'node:child_process'
import { bin, ensureInstalled, root } from './ensure.mjs'

const steps = [
  { name: 'types', run: [bin('typescript', 'tsc'), '-p', 'tsconfig.json'] },
  {
    name: 'lint, format, import directions',
    run: [bin('@biomejs/biome', 'biome'), 'check', '--error-on-warnings', '.'],
  },
  { name: 'unused files, exports, dependencies', run: [bin('knip', 'knip'), '--no-progress'] },
]

/** Runs every step; returns the names of those that failed. */
export function check() {
  return steps
    .filter(({ name, run }) => {
      const { status } = spawnSync(process.execPath, run, { cwd: root, stdio: 'inherit' })
      console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name}`)
      return status !== 0
    })
    .map((step) => step.name)
}

if (import.meta.url === `file://${process.argv[1]}`) {
  ensureInstalled()
  process.exitCode = check().length === 0 ? 0 : 1
}
