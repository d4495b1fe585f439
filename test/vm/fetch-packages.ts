// Debian packages, downloaded and unpacked into a folder: never installed.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { debianMirrors } from './debian-mirror.js'
import type { PackageSet } from './package-list.js'
import { openPrivateApt, type PrivateApt } from './private-apt.js'
import { CommandFailed, runCommand } from './run-command.js'

/**
 * Fetches `sets` and all that they depend on, and returns the folder that they are unpacked in, which is below `work`.
 * @throws CommandFailed where they cannot be had
 */
export async function fetchPackages(
  work: string,
  sets: readonly PackageSet[],
  suites: readonly string[],
  onResolved: (packages: readonly string[]) => void = () => {},
): Promise<string> {
  const apt = await openFirst(join(work, 'apt'), await debianMirrors(), suites)
  const packages = [...new Set((await Promise.all(sets.map((set) => apt.resolve(set)))).flat())]
  onResolved(packages)
  const downloads = join(work, 'downloads')
  const root = join(work, 'root')
  mkdirSync(downloads)
  mkdirSync(root)
  await apt.download(packages, downloads)
  for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
    await runCommand('dpkg-deb', ['-x', join(downloads, file), root])
  }
  return root
}

async function openFirst(folder: string, mirrors: readonly string[], suites: readonly string[]): Promise<PrivateApt> {
  let failure: unknown = new CommandFailed('apt has no source of Debian packages')
  for (const [index, mirror] of mirrors.entries()) {
    try {
      return await openPrivateApt(join(folder, String(index)), mirror, suites)
    } catch (error) {
      if (index === 0) failure = error
    }
  }
  throw failure
}
