import { QuiesceError } from '../errors/quiesce-error.js'
import type { ConfigReader } from './config-reader.js'

/** Configuration space in memory: a dump, or what sysfs gave. */
export function configBytes(bytes: Uint8Array): ConfigReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    size: bytes.byteLength,
    read(offset, width) {
      if (offset < 0 || offset + width > bytes.byteLength) {
        throw new QuiesceError(
          'CONFIG_ACCESS',
          `Cannot read ${width} bytes of configuration space at 0x${offset.toString(16)}: only ${bytes.byteLength} are there`,
        )
      }
      if (width === 1) return view.getUint8(offset)
      return width === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true)
    },
  }
}
