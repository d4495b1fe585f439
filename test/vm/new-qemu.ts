// A QEMU that is a client of vfio-user, which that of the release is not yet.
import { join } from 'node:path'
import { cachedProduct } from './cached-product.js'
import { fetchPackages } from './fetch-packages.js'
import { newQemuSets, suites } from './package-list.js'
import type { VmParts } from './packages.js'
import { recipeHash } from './recipe-hash.js'
import { CommandFailed } from './run-command.js'

/**
 * The folder of its unpacked packages, from the cache or downloaded now.
 * @throws Error "Cannot get a QEMU with vfio-user: ..." with the reason in one line
 */
export async function newQemu({ folder }: Pick<VmParts, 'folder'>): Promise<string> {
  try {
    const path = join(folder, `new-qemu-${recipeHash(1, suites, newQemuSets)}`)
    return await cachedProduct(path, (work) => fetchPackages(work, newQemuSets, suites))
  } catch (cause) {
    if (cause instanceof CommandFailed) throw new Error(`Cannot get a QEMU with vfio-user: ${cause.message}`, { cause })
    throw cause
  }
}
