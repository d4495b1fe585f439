// Small C programs to compare with, compiled when they are needed. They are static, so that they run in the VM too.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Compiled = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly reason: string }

// From build/bench/c back to the sources.
const sources = fileURLToPath(new URL('../../../bench/c/', import.meta.url))

/** Compiles `<name>.c` into `folder`, or says why not. `includes` are searched before the compiler's own. */
export function compile(name: string, folder: string, includes: readonly string[] = []): Compiled {
  const compiler = process.env['CC'] ?? 'cc'
  const path = join(folder, name)
  const args = [
    '-O2',
    '-static',
    '-Wall',
    ...includes.map((path) => `-I${path}`),
    '-o',
    path,
    join(sources, `${name}.c`),
  ]
  const { status, error, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (status === 0) return { ok: true, path }
  const detail = error === undefined ? stderr.trim() : error.message
  return { ok: false, reason: `${compiler} cannot compile ${name}.c: ${detail}` }
}
