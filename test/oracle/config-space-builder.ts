import { capabilityId } from '../../src/pci/capability-ids.js'
import { headerOffset } from '../../src/pci/header.js'

/** Puts a configuration space together, byte by byte, chains included. */
export class ConfigSpaceBuilder {
  readonly bytes: Uint8Array
  private standardEnd = 0x40
  private extendedEnd = 0x100
  private standardLink: number = headerOffset.capabilities
  private lastExtended: number | undefined

  constructor(size: 64 | 256 | 4096 = 4096) {
    this.bytes = new Uint8Array(size)
  }

  put(offset: number, width: 1 | 2 | 4, value: number): this {
    for (let byte = 0; byte < width; byte++) this.bytes[offset + byte] = (value >>> (8 * byte)) & 0xff
    return this
  }

  /** Vendor, device, class, and a Status that says there are capabilities. */
  identify(vendorId: number, deviceId: number, classCode: number): this {
    return this.put(headerOffset.vendorId, 2, vendorId)
      .put(headerOffset.deviceId, 2, deviceId)
      .put(headerOffset.status, 2, 0x10)
      .put(headerOffset.classCode, 1, classCode & 0xff)
      .put(headerOffset.subclass, 2, classCode >>> 8)
  }

  /** Appends to the standard list; `body` begins after id and pointer. Where it lies, or undefined if it is full. */
  standard(id: number, body: readonly number[]): number | undefined {
    const at = this.standardEnd
    if (at + 2 + body.length > 0x100) return undefined
    this.put(this.standardLink, 1, at)
    this.bytes.set([id, 0, ...body], at)
    this.standardLink = at + 1
    this.standardEnd = (at + 2 + body.length + 3) & ~3
    return at
  }

  /** Appends to the extended list; `body` begins after the header. */
  extended(id: number, version: number, body: readonly number[]): number | undefined {
    const at = this.extendedEnd
    if (at + 4 + body.length > this.bytes.length) return undefined
    if (this.lastExtended !== undefined) {
      const previous = this.lastExtended
      this.put(previous + 2, 2, ((at << 4) | ((this.bytes[previous + 2] ?? 0) & 0xf)) & 0xffff)
    }
    this.put(at, 4, (id | (version << 16)) >>> 0)
    this.bytes.set(body, at + 4)
    this.lastExtended = at
    this.extendedEnd = (at + 4 + body.length + 3) & ~3
    return at
  }

  /** A PCI Express capability with nothing but its version and port type. */
  express(version: number, portType: number): this {
    const body = new Array<number>(58).fill(0)
    body[0] = version | (portType << 4)
    this.standard(capabilityId.pcie, body)
    return this
  }
}

/** As `lspci -xxxx` prints it. */
export function hexdump(address: string, bytes: Uint8Array): string {
  const lines = [`${address} Device`]
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = [...bytes.subarray(offset, offset + 16)].map((byte) => byte.toString(16).padStart(2, '0'))
    lines.push(`${offset.toString(16).padStart(2, '0')}: ${row.join(' ')}`)
  }
  return `${lines.join('\n')}\n`
}
