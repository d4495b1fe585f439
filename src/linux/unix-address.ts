import { QuiesceError } from '../errors/quiesce-error.js'
import { socketConstant } from './socket-constants.js'

/** `sun_path` has 108 bytes, its NUL included. */
const pathRoom = 107

/** A `struct sockaddr_un`. @throws QuiesceError `USAGE` if the path is too long for one */
export function encodeSocketAddress(path: string): Uint8Array {
  const text = new TextEncoder().encode(path)
  if (text.byteLength === 0 || text.byteLength > pathRoom || text.includes(0)) {
    throw new QuiesceError('USAGE', `Cannot use ${path} as a socket: its path must have 1 to ${pathRoom} bytes`)
  }
  const address = new Uint8Array(2 + text.byteLength + 1)
  new DataView(address.buffer).setUint16(0, socketConstant.AF_UNIX, true)
  address.set(text, 2)
  return address
}
