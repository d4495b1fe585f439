// Where what was downloaded and unpacked is kept. Nothing may rely on it being there: it can be deleted at any time.
import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { projectRoot } from './project-root.js'

/** The first folder of `$QUIESCE_CACHE`, or else `~/.cache/quiesce` and `.cache/` in the clone, that can be written to. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const chosen = environment['QUIESCE_CACHE']
  const candidates = chosen ? [chosen] : [join(homedir(), '.cache', 'quiesce'), join(projectRoot, '.cache')]
  return candidates.map((path) => resolve(path)).find(isWritable)
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
