// A virtio block device (Virtual I/O Device 1.2, 5.2) with a file behind it.
import { struct } from '../../src/bits/struct.js'
import { PciDevice } from '../../src/kit/pci-device.js'
import { virtioDevice } from '../../src/kit/virtio/virtio-device.js'
import type { VirtioRequest } from '../../src/kit/virtio/virtio-request.js'
import type { BlockStore } from '../nvme/block-store.js'

/** 5.2.6. */
const RequestHead = struct('virtio_blk_outhdr', { type: 'u32', reserved: 'u32', sector: 'u64' })
const operation = { read: 0, write: 1, flush: 4 } as const
const status = { ok: 0, ioError: 1, unsupported: 2 } as const
const sectorSize = 512n
/** VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_FLUSH (5.2.3). */
const features = (1n << 2n) | (1n << 9n)
const mostSegments = 64
/** What a request may carry, whatever its buffers say. */
const mostBytes = 4 << 20

/** 5.2.4: capacity in sectors, and how many buffers a request may have. */
function configuration(size: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(64))
  view.setBigUint64(0, size / sectorSize, true)
  view.setUint32(12, mostSegments, true)
  return new Uint8Array(view.buffer)
}

/** Does what a request asks, and answers with data, if any, and a status. */
async function answer(store: BlockStore, request: VirtioRequest, signal: AbortSignal): Promise<boolean> {
  const said = await request.read(RequestHead.size + mostBytes)
  // The status has a byte of its own, behind the data (5.2.6).
  const room = request.writable - 1
  if (said === undefined || said.length < RequestHead.size || said.length < request.readable) return false
  if (room < 0 || room > mostBytes) return false
  const { type, sector } = RequestHead.decode(said)
  const given = said.subarray(RequestHead.size)
  const offset = sector * sectorSize
  const data = new Uint8Array(room)
  const isInside = offset + BigInt(Math.max(room, given.length)) <= store.size
  let outcome: number = isInside ? status.ok : status.ioError
  try {
    // Requests come one by one: what is under way is of a user before the last reset, and must not overtake this one's.
    await store.settled()
    if (signal.aborted) return false
    if (type === operation.flush) await store.flush()
    else if (type !== operation.read && type !== operation.write) outcome = status.unsupported
    else if (isInside && type === operation.read) await store.read(offset, data)
    else if (isInside) await store.write(offset, given)
  } catch {
    outcome = status.ioError
  }
  return (await request.write(data)) && request.write(new Uint8Array([outcome]))
}

/** A request takes one place in the queue, however many buffers it has: Linux puts them into tables of their own. */
export function virtioDisk(store: BlockStore, queueSize = 128): PciDevice {
  return new PciDevice(
    virtioDevice({
      type: 2,
      classCode: 0x010000,
      features,
      queueSizes: [queueSize],
      config: configuration(store.size),
      serve: (_queue, request, signal) => answer(store, request, signal),
    }),
  )
}
