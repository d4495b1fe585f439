// Boots a small guest, an unmodified Debian kernel unless told otherwise, that runs shell commands for the test: for devices that
// a vfio-user server provides, and for whatever else needs no Node inside.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shellGuestScript } from './guest-script.js'
import { writeInitramfs } from './initramfs.js'
import type { ModuleSet } from './kernel-modules.js'
import { diskToolsLayer, systemLayer } from './layers.js'
import { type KernelName, requireMachineParts } from './machine-parts.js'
import { newQemu } from './new-qemu.js'
import { type MachineOptions, qemuCommand } from './qemu-arguments.js'
import { type ShellGuest, type ShellGuestOptions, startShellGuest } from './shell-guest.js'
import { type ServedDevice, topology } from './topology.js'

type MachineKnobs = Pick<MachineOptions, 'topology' | 'memoryMiB' | 'cpus' | 'cpuModel' | 'sharedMemory' | 'trace'>

export interface BootOptions extends MachineKnobs, ShellGuestOptions {
  readonly kernel?: KernelName
  /** Kernel modules to load besides those of VFIO. The drivers of served devices unless told otherwise. */
  readonly modules?: readonly ModuleSet[]
}

export type VfioUserBootOptions = Omit<BootOptions, 'topology'> & {
  /** The paths of the servers' sockets, or more of how a device is attached. */
  readonly sockets: readonly (string | ServedDevice)[]
  /** An IOMMU, and what VFIO needs, so that the guest's own kernel can assign the devices. */
  readonly iommu?: boolean
}

/** Boots a guest with devices that vfio-user servers provide, named served-0 and so on, on QEMU 11. */
export function bootWithVfioUser({ sockets, iommu = false, ...options }: VfioUserBootOptions): Promise<ShellGuest> {
  const served = sockets.map((socket) => (typeof socket === 'string' ? { socket } : socket))
  return bootShellGuest({ ...options, topology: topology([], { iommu, served }) })
}

/** Boots a guest and waits until it takes commands. */
export async function bootShellGuest(options: BootOptions): Promise<ShellGuest> {
  const parts = await requireMachineParts(options.topology, options.kernel)
  const layers = [await systemLayer(parts), await diskToolsLayer(parts, await newQemu(parts))]
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-vm-'))
  try {
    const initramfs = join(folder, 'initramfs')
    writeInitramfs(initramfs, layers, [], shellGuestScript(options.topology, options.modules ?? ['drivers']))
    const { memoryMiB = 384 } = options
    const command = qemuCommand(parts, { ...options, memoryMiB, initramfs, serialLines: [], mayReboot: true })
    return await startShellGuest(command, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
