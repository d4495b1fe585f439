// What every script needs before it can do its own work: the dependencies installed and the sources compiled. Says one
// line when it does something, nothing when there is nothing to do, and everything when it fails.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the project. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const buildStamp = join(root, 'build/.stamp')

/** The script behind a command that an installed package brings: run it with `process.execPath`. */
export function bin(packageName, command) {
  const folder = join(root, 'node_modules', packageName)
  const { bin: bins } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bins === 'string' ? bins : bins[command])
}

/** Runs a command quietly; on failure prints all that it said and ends this script. */
function run(what, command, args) {
  if (process.stderr.isTTY || process.env.CI === 'true') process.stderr.write(`${what}...\n`)
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) return
  process.stderr.write(
    `${what} failed:\n${stdout ?? ''}${stderr ?? ''}${error === undefined ? '' : `${error.message}\n`}`,
  )
  process.exit(1)
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

/** Installs exactly what package-lock.json names, unless that has been done since it last changed. */
export function ensureInstalled() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    process.stderr.write(`Quiesce needs Node 20.19 or later; this is ${process.version}\n`)
    process.exit(1)
  }
  if (modified(join(root, 'node_modules/.package-lock.json')) >= modified(join(root, 'package-lock.json'))) return
  const npm = process.env.npm_execpath
  if (npm === undefined) run('Installing dependencies', 'npm', ['ci'])
  else run('Installing dependencies', process.execPath, [npm, 'ci'])
}

function files(folder) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

/** Removes what was compiled from sources that are no longer there: a deleted test must not go on running. */
export function removeStaleOutputs() {
  for (const file of ['src', 'test', 'bench'].flatMap((folder) => files(join('build', folder)))) {
    const source = relative(join(root, 'build'), file).replace(/(\.d\.ts|\.js\.map|\.js)$/, '.ts')
    if (source.endsWith('.ts') && !existsSync(join(root, source))) rmSync(file, { force: true })
  }
}

/** Compiles the project if a source is newer than what was last compiled. */
export function ensureBuilt() {
  ensureInstalled()
  const sources = ['src', 'test', 'bench'].flatMap(files).filter((file) => file.endsWith('.ts'))
  const inputs = [...sources, join(root, 'tsconfig.json'), join(root, 'package-lock.json')]
  const built = modified(buildStamp)
  if (existsSync(join(root, 'build/src/cli/main.js')) && inputs.every((file) => modified(file) <= built)) return
  const started = new Date()
  removeStaleOutputs()
  run('Building', process.execPath, [bin('typescript', 'tsc'), '-p', 'tsconfig.json'])
  // The stamp bears the time at which the build began: a source that was saved meanwhile is built next time.
  writeFileSync(buildStamp, `${started.toISOString()}\n`)
  utimesSync(buildStamp, started, started)
}
