// Physical Region Pages (NVM Express Base 1.4, 4.3): where in memory a command's data is. And how it gets there.
import type { DeviceDma } from '../../src/kit/device-dma.js'
import { pageSize, type Status, status } from './entries.js'

interface Segment {
  readonly address: bigint
  readonly length: number
}

const entrySize = 8
const page = BigInt(pageSize)

/** The parts of `length` bytes, or why the host's list of them is not one. */
async function segments(dma: DeviceDma, prp1: bigint, prp2: bigint, length: number): Promise<Segment[] | Status> {
  // Only the first page has an offset, of whole dwords.
  if (prp1 % 4n !== 0n) return status.invalidPrpOffset
  const first = Math.min(length, pageSize - Number(prp1 % page))
  const found: Segment[] = [{ address: prp1, length: first }]
  let left = length - first
  const add = (address: bigint): boolean => {
    const size = Math.min(left, pageSize)
    found.push({ address, length: size })
    left -= size
    return address % page === 0n
  }
  if (left === 0) return found
  if (left <= pageSize) return add(prp2) ? found : status.invalidPrpOffset
  for (let list = prp2; left > 0; ) {
    if (list % BigInt(entrySize) !== 0n) return status.invalidPrpOffset
    const room = (pageSize - Number(list % page)) / entrySize
    const needed = Math.ceil(left / pageSize)
    const bytes = await dma.read(list, Math.min(room, needed) * entrySize)
    if (bytes === undefined) return status.dataTransferError
    const view = new DataView(bytes.buffer)
    // Where the list does not end in its page, the last entry says where it goes on.
    const count = needed > room ? room - 1 : needed
    for (let i = 0; i < count; i++) if (!add(view.getBigUint64(i * entrySize, true))) return status.invalidPrpOffset
    if (needed > room) {
      list = view.getBigUint64(count * entrySize, true)
      // A page of one entry would be nothing but a pointer, and a circle of them would have no end.
      if (list % page !== 0n) return status.invalidPrpOffset
    }
  }
  return found
}

/** Neighbouring pages as one transfer. */
function merged(parts: readonly Segment[]): Segment[] {
  const whole: Segment[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (last !== undefined && last.address + BigInt(last.length) === part.address) {
      whole[whole.length - 1] = { address: last.address, length: last.length + part.length }
    } else whole.push(part)
  }
  return whole
}

interface PrpPair {
  readonly prp1: bigint
  readonly prp2: bigint
}

/** Brings the host's data here. */
export async function fromHost(dma: DeviceDma, { prp1, prp2 }: PrpPair, into: Uint8Array): Promise<Status> {
  return transfer(dma, prp1, prp2, into, (address, part) => dma.readInto(address, part))
}

/** Brings data to the host. */
export async function toHost(dma: DeviceDma, { prp1, prp2 }: PrpPair, from: Uint8Array): Promise<Status> {
  return transfer(dma, prp1, prp2, from, (address, part) => dma.write(address, part))
}

async function transfer(
  dma: DeviceDma,
  prp1: bigint,
  prp2: bigint,
  bytes: Uint8Array,
  move: (address: bigint, part: Uint8Array) => Promise<boolean>,
): Promise<Status> {
  const parts = await segments(dma, prp1, prp2, bytes.length)
  if (!Array.isArray(parts)) return parts
  let done = 0
  for (const { address, length } of merged(parts)) {
    if (!(await move(address, bytes.subarray(done, done + length)))) return status.dataTransferError
    done += length
  }
  return status.success
}
