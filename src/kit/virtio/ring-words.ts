// The 16-bit words by which driver and device tell each other how far they are. The driver runs on another processor:
// each of these is read and written in one piece, and in an order that both sides see alike. A device that told its index
// and then read an event index of before it would lose an interrupt (Virtual I/O Device 1.2, 2.7.13.3.1).
import type { DeviceDma } from '../device-dma.js'

/** The word at an even address; undefined if it cannot be read. */
export async function loadWord(dma: DeviceDma, address: bigint): Promise<number | undefined> {
  const word = wordOf(dma.view(address, 2, 'read'))
  if (word !== undefined) return Atomics.load(word, 0)
  const bytes = await dma.read(address, 2)
  return bytes === undefined ? undefined : (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
}

/** False if it cannot be written. */
export async function storeWord(dma: DeviceDma, address: bigint, value: number): Promise<boolean> {
  const word = wordOf(dma.view(address, 2, 'write'))
  if (word === undefined) return dma.write(address, new Uint8Array([value & 0xff, value >> 8]))
  Atomics.store(word, 0, value)
  dma.markDirty(address, 2)
  return true
}

/** Where the client put an even address at an odd place, there is no such word. */
function wordOf(shared: Uint8Array | undefined): Uint16Array | undefined {
  return shared === undefined || shared.byteOffset % 2 !== 0
    ? undefined
    : new Uint16Array(shared.buffer, shared.byteOffset, 1)
}
