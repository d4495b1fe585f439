// The parts of one machine: which kernel, and which QEMU.
import { iommufdKernel } from './iommufd-kernel.js'
import { newQemu } from './new-qemu.js'
import { obtainParts, type VmParts } from './packages.js'
import { isServed } from './qemu-arguments.js'
import type { Topology } from './topology.js'

/** Debian's kernel, or one with IOMMUFD, which is built for the purpose. */
export type KernelName = 'debian' | 'iommufd'

/** The parts of the VM, or an error that says why this machine cannot have them. */
export async function requireParts(progress?: (line: string) => void): Promise<VmParts> {
  const parts = await obtainParts(progress)
  if (!parts.available) throw new Error(`Cannot boot the test VM: ${parts.reason}`)
  return parts
}

/** The parts for a machine with these devices: those by vfio-user need a newer QEMU. */
export async function requireMachineParts(topology: Topology, kernel: KernelName = 'debian'): Promise<VmParts> {
  const parts = await requireParts()
  return {
    ...parts,
    ...(isServed(topology) ? { qemu: await newQemu(parts) } : {}),
    ...(kernel === 'iommufd' ? { kernel: await iommufdKernel(parts.folder), modules: undefined } : {}),
  }
}
