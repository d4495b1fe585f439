// Gets everything that the VM needs before the tests that boot it start, several of them at once.
import { iommufdKernel } from './iommufd-kernel.js'
import { nodeLayer, systemLayer } from './layers.js'
import { obtainParts, type VmParts, type VmUnavailable } from './packages.js'

const progress = (line: string) => console.error(`test VM: ${line}`)

/** The VM, ready to boot, or why this machine cannot have it. */
export async function prepareVm(): Promise<VmParts | VmUnavailable> {
  const parts = await obtainParts(progress)
  if (parts.available) {
    await systemLayer(parts)
    await nodeLayer(parts)
  }
  return parts
}

/**
 * Begins to build the kernel with IOMMUFD if the cache has none, while other tests run. Those that boot it wait for it, and
 * report what went wrong with it.
 */
export async function prepareIommufdKernel({ folder }: VmParts): Promise<void> {
  await iommufdKernel(folder, progress).catch((error: Error) => progress(error.message))
}
