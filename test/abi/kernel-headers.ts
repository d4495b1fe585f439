// Where the kernel's headers for user space are: those of a kernel of today, since a distribution's may be years older
// than structs that are declared here.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../vm/cache-folder.js'
import { debianMirrors } from '../vm/debian-mirror.js'
import { openPrivateApt, type PrivateApt } from '../vm/private-apt.js'
import { runCommand } from '../vm/run-command.js'

const suite = 'trixie-backports'

/** Folders to search before the compiler's own; empty where only the machine's headers are to be had. */
export interface KernelHeaders {
  readonly folders: readonly string[]
  /** Where they come from, for messages. */
  readonly origin: string
}

/** `$QUIESCE_KERNEL_HEADERS` (folders, separated by colons), else the cache or a download into it, else the machine's. */
export async function findKernelHeaders(environment: NodeJS.ProcessEnv = process.env): Promise<KernelHeaders> {
  const chosen = environment['QUIESCE_KERNEL_HEADERS']
  if (chosen) return { folders: chosen.split(':'), origin: '$QUIESCE_KERNEL_HEADERS' }
  try {
    const cache = cacheFolder(environment)
    if (cache === undefined) throw new Error('no cache folder can be written to')
    const folder = join(cache, 'kernel-headers')
    if (!existsSync(folder)) await download(folder)
    return { folders: [join(folder, 'usr/include')], origin: `linux-libc-dev of ${suite}` }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { folders: [], origin: `the headers of this machine (newer ones cannot be fetched: ${reason})` }
  }
}

async function download(folder: string): Promise<void> {
  mkdirSync(join(folder, '..'), { recursive: true })
  const work = mkdtempSync(`${folder}-`)
  try {
    const apt = await openApt(work)
    const downloads = join(work, 'downloads')
    mkdirSync(downloads)
    await apt.download(['linux-libc-dev'], downloads)
    for (const file of readdirSync(downloads)) {
      await runCommand('dpkg-deb', ['-x', join(downloads, file), join(work, 'root')])
    }
    // Shown whole or not at all, should two runs come here at once.
    if (!existsSync(folder)) renameSync(join(work, 'root'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function openApt(folder: string): Promise<PrivateApt> {
  let failure: unknown = new Error('apt has no source of Debian packages')
  for (const [index, mirror] of (await debianMirrors()).entries()) {
    try {
      return await openPrivateApt(join(folder, `apt-${index}`), mirror, [suite])
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
