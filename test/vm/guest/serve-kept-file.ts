// In the guest: a VMM that keeps a device's file, or a mapping of it, when its time is over. Says as JSON what it can do with
// that, and who is let in meanwhile. Arguments: the addresses of edu devices, whose sockets are in /tmp and which share one
// IOMMU group, or are one; it keeps the file of the last, then a mapping of the first, and comes back to the first.
import { setTimeout as wait } from 'node:timers/promises'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { regionIndex } from '../../../src/function/region.js'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { FileMapping } from '../../../src/linux/file-mapping.js'
import { readAt, writeAt } from '../../../src/linux/positioned-io.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { openVfioUserFunction, type VfioUserFunction } from '../../../src/vfio-user/client/vfio-user-function.js'
import { type EduAccess, EduDriver, transferMs } from './edu-driver.js'

export interface SeenWithKeptFile {
  /** By the file alone, data came from the device to the VMM's memory: while it was the client, and afterwards. */
  readonly landed: { readonly during: boolean; readonly after: boolean }
  /** Whether somebody was let in at the first device while the file was kept, while a mapping was, and then. */
  readonly letIn: { readonly file: boolean; readonly mapping: boolean; readonly nothing: boolean }
}

const iova = 0x10_0000n
const page = 0x1000n
const addresses = process.argv.slice(2)
const [first = ''] = addresses

const open = (address: string): VfioUserFunction => openVfioUserFunction(`/tmp/${address}.sock`)

function comesIn(): boolean {
  try {
    using fn = open(first)
    return fn.config.read(0, 4) !== 0xffff_ffff
  } catch (error) {
    if (error instanceof QuiesceError) return false
    throw error
  }
}

/** A region of VFIO begins at its index << 40 of the device's file. */
function regionOf({ fd }: FileDescriptor, index: number) {
  const at = (offset: bigint): bigint => (BigInt(index) << 40n) + offset
  return {
    read: (offset: bigint, into: Uint8Array) => void readAt(fd, at(offset), into),
    write: (offset: bigint, from: Uint8Array) => void writeAt(fd, at(offset), from),
  }
}

/** A device by its file alone. */
function byFile(file: FileDescriptor): EduAccess {
  const config = regionOf(file, regionIndex.config)
  return {
    address: 'a kept file',
    config: {
      read(offset, width) {
        const bytes = new Uint8Array(4)
        config.read(BigInt(offset), bytes.subarray(0, width))
        return new DataView(bytes.buffer).getUint32(0, true)
      },
      write: (offset, width, value) =>
        config.write(BigInt(offset), new Uint8Array(Uint32Array.of(value).buffer, 0, width)),
    },
    regions: [regionOf(file, regionIndex.bar0)],
  }
}

/** Whether the device writes to the memory that was mapped for it, when it is told to by its file. */
async function lands(file: FileDescriptor, memory: SharedMemory): Promise<boolean> {
  const edu = new EduDriver(byFile(file))
  // Not what the device's buffer may hold from before.
  memory.bytes.fill(0x3c)
  edu.enable()
  edu.store(iova, 256)
  await wait(3 * transferMs)
  return memory.bytes.some((byte) => byte !== 0x3c)
}

/** As a client: with memory, and with the file of a device, of which it makes something that it keeps. */
async function keep<T>(
  which: 0 | -1,
  make: (file: FileDescriptor, memory: SharedMemory) => T | Promise<T>,
): Promise<T> {
  const memory = new SharedMemory(page)
  const functions = addresses.map(open)
  try {
    for (const fn of functions) fn.dma.mapBacking(iova, page, { fd: memory.fd, offset: 0n }, 'read-write')
    const { fd } = functions.at(which)?.regions[0]?.file ?? {}
    if (fd === undefined) throw new Error('there is no file of BAR 0')
    using file = new FileDescriptor(fd, 'the device').duplicate()
    return await make(file, memory)
  } finally {
    for (const fn of functions) fn[Symbol.dispose]()
  }
}

const kept = await keep(-1, async (file, memory) => ({
  file: file.duplicate(),
  memory,
  landed: await lands(file, memory),
}))
const withFile = comesIn()
const after = await lands(kept.file, kept.memory)
kept.file[Symbol.dispose]()

const mapping = await keep(
  0,
  ({ fd }) => new FileMapping({ fd, offset: 0n, size: page, writable: true, what: 'BAR 0' }),
)
const withMapping = comesIn()
mapping[Symbol.dispose]()

const seen: SeenWithKeptFile = {
  landed: { during: kept.landed, after },
  letIn: { file: withFile, mapping: withMapping, nothing: comesIn() },
}
console.log(JSON.stringify(seen))
process.exit()
