// What is made once and kept in the cache: there whole or not at all, and made by one process however many ask for it.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { whileLocked } from './file-lock.js'

const week = 7 * 24 * 3600 * 1000

/**
 * The file or folder at `path`, made now if it is not there. `make` gets a folder to work in and returns the path of what
 * it made in there, which is then moved to its place; the rest is removed. Names are `kind-hash`: older ones of the kind go.
 */
export async function cachedProduct(path: string, make: (work: string) => Promise<string>): Promise<string> {
  if (existsSync(path)) return path
  const folder = dirname(path)
  const locks = join(folder, 'locks')
  mkdirSync(locks, { recursive: true })
  return whileLocked(join(locks, basename(path)), async () => {
    // Another process may have made it while this one waited.
    if (existsSync(path)) return path
    const work = join(folder, `unfinished-${basename(path)}`)
    // What a run that was killed has left: nobody else works there while we hold the lock.
    rmSync(work, { recursive: true, force: true })
    mkdirSync(work)
    try {
      renameSync(await make(work), path)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
    removeOlder(path)
    return path
  })
}

// Each may be hundreds of megabytes, and what has a newer recipe is not used again.
function removeOlder(path: string): void {
  const kind = basename(path).replace(/[0-9a-f]{12}/, '')
  for (const name of readdirSync(dirname(path))) {
    const other = join(dirname(path), name)
    const isOfKind = other !== path && name.replace(/[0-9a-f]{12}/, '') === kind
    if (isOfKind && Date.now() - statSync(other).mtimeMs > week) rmSync(other, { recursive: true, force: true })
  }
}
