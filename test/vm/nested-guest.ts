// What a VM needs for a guest of its own: the newer QEMU with its firmware, a kernel, and a file system for the guest of the
// guest. guest/nested.ts starts it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CpioEntry } from './cpio.js'
import { shellGuestScript } from './guest-script.js'
import { writeInitramfs } from './initramfs.js'
import { qemuLayer, systemLayer } from './layers.js'
import { type KernelName, requireMachineParts } from './machine-parts.js'
import { newQemu } from './new-qemu.js'
import { processorWithKvm } from './qemu-arguments.js'
import type { RunOptions } from './run-in-vm.js'
import { topology } from './topology.js'

/**
 * Options for `runInVm`, besides the program: a processor with KVM, memory enough, QEMU 11 and the guest's guest. Its kernel is
 * the one with IOMMUFD unless told otherwise, for it is small; Debian's has drivers for nvme and virtio.
 */
export async function nestedGuest(
  kernel: KernelName = 'iommufd',
): Promise<Required<Pick<RunOptions, 'cpuModel' | 'memoryMiB' | 'modules' | 'layers' | 'files'>>> {
  const parts = await requireMachineParts(topology([]), kernel)
  return {
    cpuModel: processorWithKvm,
    memoryMiB: 2048,
    modules: ['kvm'],
    layers: [await qemuLayer(parts, await newQemu(parts))],
    files: [
      { path: 'inner/kernel', kind: 'file', data: readFileSync(parts.kernel) },
      { path: 'inner/initramfs', kind: 'file', data: await innerFileSystem([await systemLayer(parts)]) },
    ] satisfies CpioEntry[],
  }
}

async function innerFileSystem(layers: readonly string[]): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-vm-'))
  try {
    const path = join(folder, 'initramfs')
    writeInitramfs(path, layers, [], shellGuestScript(topology([]), ['drivers']))
    return readFileSync(path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
