// Gets everything that the VM needs before the tests that boot it start, several of them at once.
import { baseArchive } from './initramfs.js'
import { obtainParts, type VmParts, type VmUnavailable } from './packages.js'

/** The VM, ready to boot, or why this machine cannot have it. */
export async function prepareVm(): Promise<VmParts | VmUnavailable> {
  const parts = await obtainParts((line) => console.error(`test VM: ${line}`))
  if (parts.available) await baseArchive(parts)
  return parts
}
