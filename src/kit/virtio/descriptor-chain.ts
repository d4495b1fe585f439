// A chain of descriptors (Virtual I/O Device 1.2, 2.7.5), in the queue's table or in one of its own, and what a driver may
// not make of it.
import { struct } from '../../bits/struct.js'
import type { DeviceDma } from '../device-dma.js'
import type { RequestBuffer } from './virtio-request.js'

export const Descriptor = struct('vring_desc', { addr: 'u64', len: 'u32', flags: 'u16', next: 'u16' })
export const descriptorFlag = { next: 1, write: 2, indirect: 4 } as const
const knownFlags = descriptorFlag.next | descriptorFlag.write | descriptorFlag.indirect

export interface DescriptorTable {
  readonly address: bigint
  readonly count: number
}

export interface Chain {
  readonly readable: RequestBuffer[]
  readonly writable: RequestBuffer[]
}

/**
 * The most descriptors that are taken from a chain's own table. The specification allows as many as the queue has
 * (2.7.5.3.1); drivers make more, and other devices bear with so many.
 */
export const longestChain = 1024
/** 2.7.5.2. */
const mostBytes = 2 ** 32

/** Reads a chain from its first descriptor on; undefined where there is none that makes sense, or it cannot be read. */
export async function readChain(
  dma: DeviceDma,
  queue: DescriptorTable,
  head: number,
  mayBeIndirect: boolean,
): Promise<Chain | undefined> {
  const chain: Chain = { readable: [], writable: [] }
  let table: LoadedTable = { ...queue, bytes: undefined }
  let bytes = 0
  // Whatever is linked to what: a chain that goes on after so many descriptors is a circle.
  let left = queue.count
  for (let at = head; at < table.count && left > 0; left--) {
    const descriptor = await load(dma, table, at)
    if (descriptor === undefined) return undefined
    const { addr, len, flags, next } = descriptor
    if ((flags & ~knownFlags) !== 0) return undefined
    const goesOn = (flags & descriptorFlag.next) !== 0
    if ((flags & descriptorFlag.indirect) !== 0) {
      // A table ends the chain in the queue, and there is none within another (2.7.5.3.1).
      const isNested = table.bytes !== undefined
      if (!mayBeIndirect || isNested || goesOn) return undefined
      const inner = await open(dma, addr, len)
      if (inner === undefined) return undefined
      table = inner
      at = 0
      left = longestChain + 1
      continue
    }
    const isWritable = (flags & descriptorFlag.write) !== 0
    // Readable ones come first (2.7.4.2).
    if (!isWritable && chain.writable.length > 0) return undefined
    bytes += len
    if (bytes > mostBytes) return undefined
    const buffers = isWritable ? chain.writable : chain.readable
    buffers.push({ address: addr, length: len })
    if (!goesOn) return chain
    at = next
  }
  return undefined
}

interface LoadedTable extends DescriptorTable {
  /** Its first descriptors, read at once. */
  readonly bytes: Uint8Array | undefined
}

/** A table of a chain's own. It may be long; what is read of it is bounded. */
async function open(dma: DeviceDma, address: bigint, length: number): Promise<LoadedTable | undefined> {
  if (length === 0 || length % Descriptor.size !== 0) return undefined
  const bytes = await dma.read(address, Math.min(length, longestChain * Descriptor.size))
  return bytes === undefined ? undefined : { address, count: length / Descriptor.size, bytes }
}

async function load(dma: DeviceDma, { address, bytes }: LoadedTable, index: number) {
  const at = index * Descriptor.size
  if (bytes !== undefined && at < bytes.length) return Descriptor.decode(bytes, at)
  const one = await dma.read(address + BigInt(at), Descriptor.size)
  return one === undefined ? undefined : Descriptor.decode(one)
}
