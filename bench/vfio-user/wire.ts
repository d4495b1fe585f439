// The few messages that the benchmark's client speaks, by their bytes: what a client does to make them must not be measured.
import type { RawSocket } from './raw-socket.js'

export const command = { version: 1, dmaMap: 2, dmaUnmap: 3, read: 9, write: 10 } as const
export type CommandNumber = (typeof command)[keyof typeof command]

/** Header, and the fields of an access. */
export const accessSize = 32
/** Where the region of memory is that is read and written: BAR 0. */
const region = 0

function header(socket: RawSocket, id: number, length: number): void {
  const { out } = socket
  out.setUint16(0, 0, true)
  out.setUint16(2, id, true)
  out.setUint32(4, length, true)
  out.setUint32(8, 0, true)
  out.setUint32(12, 0, true)
}

/** Proposes version 0.0 with capabilities as QEMU's; its length. */
export function putVersion(socket: RawSocket): number {
  const json = `${JSON.stringify({ capabilities: { max_msg_fds: 16, max_data_xfer_size: 1 << 20, write_multiple: true, pgsizes: 4096, max_dma_maps: 65535 } })}\0`
  const bytes = new TextEncoder().encode(json)
  const length = 20 + bytes.length
  header(socket, command.version, length)
  socket.out.setUint32(16, 0, true)
  for (const [index, byte] of bytes.entries()) socket.out.setUint8(20 + index, byte)
  return length
}

/** REGION_READ or REGION_WRITE of `count` bytes; its length. */
export function putAccess(socket: RawSocket, id: typeof command.read | typeof command.write, count: number): number {
  const length = accessSize + (id === command.write ? count : 0)
  header(socket, id, length)
  socket.out.setBigUint64(16, 0n, true)
  socket.out.setUint32(24, region, true)
  socket.out.setUint32(28, count, true)
  return length
}

const readAndWrite = 3

/** DMA_MAP of a file's beginning; its length. */
export function putDmaMap(socket: RawSocket, address: bigint, size: bigint): number {
  header(socket, command.dmaMap, 48)
  const { out } = socket
  out.setUint32(16, 32, true)
  out.setUint32(20, readAndWrite, true)
  out.setBigUint64(24, 0n, true)
  out.setBigUint64(32, address, true)
  out.setBigUint64(40, size, true)
  return 48
}

export function putDmaUnmap(socket: RawSocket, address: bigint, size: bigint): number {
  header(socket, command.dmaUnmap, 40)
  const { out } = socket
  out.setUint32(16, 24, true)
  out.setUint32(20, 0, true)
  out.setBigUint64(24, address, true)
  out.setBigUint64(32, size, true)
  return 40
}

/** Of a reply: the errno in its header, 0 where it is none. */
export const errnoOf = (socket: RawSocket): number => socket.in.getUint32(12, true)
