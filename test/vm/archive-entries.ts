// Files of the host as entries of an archive, and archives as files.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { bundledCommand } from './bundled-command.js'
import { type CpioEntry, cpioArchive } from './cpio.js'
import { runCommand } from './run-command.js'
import { parseLibraries } from './shared-libraries.js'

/** The file at `from`, to be found at `path`. */
export function fileEntry(from: string, path: string, permissions = 0o755): CpioEntry {
  return { path, kind: 'file', data: readFileSync(from), permissions }
}

export function textEntry(path: string, text: string, permissions = 0o644): CpioEntry {
  return { path, kind: 'file', data: Buffer.from(text), permissions }
}

// Sources of the FFI, and what only a compiler or an editor reads.
const unneeded = /^(vendor|doc)\/|^src\/.*\.(cc|hh|S|asm|inc|txt|cmake)$|\.(d\.ts|tsbuildinfo|md)$/

/** All files below `folder`, to be found below `target`. */
export function folderEntries(folder: string, target: string, permissions = 0o644): CpioEntry[] {
  const skip = basename(folder) === 'koffi' ? unneeded : /\.(d\.ts|tsbuildinfo|md)$/
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((file) => {
    const path = join(file.parentPath, file.name)
    const inside = relative(folder, path)
    return file.isFile() && !skip.test(inside) ? [fileEntry(path, join(target, inside), permissions)] : []
  })
}

/**
 * Programs of the unpacked packages in `root` with all their libraries, C library included, below `opt/<name>`; in `bin` there
 * is a script for each that starts it.
 */
export async function bundledEntries(name: string, root: string, programs: readonly string[]): Promise<CpioEntry[]> {
  const libraries = new Set<string>()
  for (const program of programs) {
    const [loader = '', ...options] = bundledCommand(root, program)
    // The loader itself says what it would load.
    const found = parseLibraries(await runCommand(loader, [...options.slice(0, -1), '--list', join(root, program)]))
    for (const path of found) libraries.add(path)
    libraries.add(loader)
  }
  const folder = `/opt/${name}`
  const start = (program: string) => `#!/bin/sh
exec ${folder}/lib/ld-linux-x86-64.so.2 --library-path ${folder}/lib ${folder}/${basename(program)} "$@"
`
  return [
    ...[...libraries].map((path) => fileEntry(path, `opt/${name}/lib/${basename(path)}`)),
    ...programs.map((program) => fileEntry(join(root, program), `opt/${name}/${basename(program)}`)),
    ...programs.map((program) => textEntry(`bin/${basename(program)}`, start(program), 0o755)),
  ]
}

/** Writes an archive to `path`, or adds it to those that are there. */
export function writeArchive(path: string, flags: 'w' | 'a', entries: Iterable<CpioEntry>): void {
  const file = openSync(path, flags)
  try {
    for (const piece of cpioArchive(entries)) {
      for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done)
    }
  } finally {
    closeSync(file)
  }
}
