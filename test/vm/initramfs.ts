// The guest's file system, all of it in memory, as archives that follow one another: layers (large, made once and cached), what
// is of today (small, made anew for each boot), and what is to be run.
import { appendFileSync, copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileEntry, folderEntries, textEntry, writeArchive } from './archive-entries.js'
import type { CpioEntry } from './cpio.js'
import { projectRoot } from './project-root.js'

/** Writes a file system to `path`: the layers, `entries`, our own scripts, and `script`, which init runs. */
export function writeInitramfs(
  path: string,
  layers: readonly string[],
  entries: readonly CpioEntry[],
  script: string,
): void {
  const [first, ...others] = layers
  if (first === undefined) throw new Error('Cannot write a file system of no layers')
  copyFileSync(first, path)
  for (const layer of others) appendFileSync(path, readFileSync(layer))
  writeArchive(path, 'a', [
    ...entries,
    ...folderEntries(join(projectRoot, 'test/vm/guest-root'), '.', 0o755),
    textEntry('etc/run', script, 0o755),
  ])
}

/** The compiled project with what it depends on, in `app`. */
export function projectEntries(): CpioEntry[] {
  const modules = ['commander', 'koffi', '@koromix'].map((name) => join('node_modules', name))
  const folders = ['build/src', 'build/test', 'build/bench', 'build/examples', ...modules].filter((name) =>
    existsSync(join(projectRoot, name)),
  )
  return [
    fileEntry(join(projectRoot, 'package.json'), 'app/package.json'),
    ...folders.flatMap((name) => folderEntries(join(projectRoot, name), join('app', name))),
  ]
}
