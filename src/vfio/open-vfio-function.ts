import type { VfioFunction } from './vfio-function.js'
import type { VfioOwnership } from './vfio-ownership.js'

/**
 * The maker of a `PhysicalFunction` from the kernel's VFIO. `ownership` holds the group and the container, which
 * devices opened with it share.
 * @throws QuiesceError as `VfioOwnership.open` does
 */
export function openVfioFunction(address: string, ownership: VfioOwnership): Promise<VfioFunction> {
  return ownership.open(address)
}
