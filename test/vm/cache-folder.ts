// Where what was downloaded and unpacked is kept. Nothing may rely on it being there: it can be deleted at any time.
import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from './project-root.js'

/** The first folder of `$QUIESCE_CACHE`, `~/.cache/quiesce` and `.cache/` in the clone that can be written to. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['QUIESCE_CACHE']
  const candidates = chosen ? [chosen] : [join(homedir(), '.cache', 'quiesce'), join(projectRoot, '.cache')]
  const writable = candidates.find(isWritable)
  if (writable === undefined)
    throw new Error(`Cannot use a cache folder: ${candidates.join(', ')} cannot be written to`)
  return writable
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
