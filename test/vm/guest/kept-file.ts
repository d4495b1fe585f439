// In the guest: whether a device opens again while somebody has a file of it, by each of the kernel's ways.
import { closeSync, openSync } from 'node:fs'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import type { VfioFunction } from '../../../src/vfio/vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { iommuGroupOf } from './binding.js'
import { failureOf } from './vfio-steps.js'

export interface OpenedWhileKept {
  /** How opening it ended while its file was kept, and then. */
  readonly kept: unknown
  readonly closed: unknown
}

async function keepFile(open: () => Promise<VfioFunction>): Promise<OpenedWhileKept> {
  const tryOpening = () =>
    failureOf(
      open().then(async (fn) => {
        await fn[Symbol.asyncDispose]()
        return 'opened'
      }),
    )
  const fn = await open()
  const file = new FileDescriptor(fn.regions[0]?.file?.fd ?? -1, 'the device').duplicate()
  await fn[Symbol.asyncDispose]()
  const kept = await tryOpening()
  file[Symbol.dispose]()
  return { kept, closed: await tryOpening() }
}

/** By group, with an iommufd in the container's place, as where the kernel is built with IOMMUFD_VFIO_CONTAINER. */
async function openByIommufdAsContainer(address: string): Promise<VfioFunction> {
  const files: number[] = []
  try {
    for (const path of [`/dev/vfio/${iommuGroupOf(address)}`, '/dev/iommu']) files.push(openSync(path, 'r+'))
    const [groupFd = -1, containerFd = -1] = files
    return await new VfioOwnership().adopt({ address, groupFd, containerFd })
  } finally {
    for (const file of files) closeSync(file)
  }
}

export async function keepFiles(address: string): Promise<Readonly<Record<'cdev' | 'group' | 'iommufd', unknown>>> {
  return {
    cdev: await keepFile(() => new VfioOwnership({ backend: 'cdev' }).open(address)),
    group: await keepFile(() => new VfioOwnership({ backend: 'group' }).open(address)),
    iommufd: await keepFile(() => openByIommufdAsContainer(address)),
  }
}
