// The chain of capabilities that the kernel appends to an info struct: each begins with vfio_info_cap_header, whose
// `next` is an offset from the start of the struct; 0 ends the chain.
import { InfoCapHeader } from './abi/vfio-structs.js'

export interface InfoCapability {
  readonly id: number
  readonly version: number
  /** Where it begins in the info's bytes. */
  readonly offset: number
}

/**
 * The capabilities of an info struct, from `first` on. A chain that runs backwards, in a circle or out of the bytes
 * ends there: `next` must grow, as the kernel only ever appends.
 */
export function walkInfoCapabilities(bytes: Uint8Array, first: number, infoSize: number): InfoCapability[] {
  const found: InfoCapability[] = []
  let after = infoSize
  let offset = first
  while (offset >= after && offset + InfoCapHeader.size <= bytes.byteLength) {
    const { id, version, next } = InfoCapHeader.decode(bytes, offset)
    found.push({ id, version, offset })
    after = offset + InfoCapHeader.size
    offset = next
  }
  return found
}
