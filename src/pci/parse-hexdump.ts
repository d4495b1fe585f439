// Dumps as `lspci -x`, `-xxx` and `-xxxx` print them: a line that names the device, lines of decoded text, and lines
// `10: 00 00 00 fe ...` of sixteen bytes.
import { QuiesceError } from '../errors/quiesce-error.js'

export interface DumpedDevice {
  /** In full form, `0000:03:00.0`; the domain is zero where the dump leaves it out. */
  readonly address: string
  /** 64, 256 or 4096 bytes. */
  readonly bytes: Uint8Array
}

const deviceLine = /^(?:([0-9a-f]{4,5}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])(?: |$)/i
const dataLine = /^([0-9a-f]{2,8}): ?((?:[0-9a-f]{2}(?: |$))+)$/i
const maxBytes = 4096
const sizes = [64, 256, maxBytes]

function refuse(line: number, detail: string): never {
  throw new QuiesceError('USAGE', `Cannot parse dump: line ${line}: ${detail}`, {
    hint: 'Give the output of lspci -xxx or lspci -xxxx',
  })
}

/**
 * Every device of a dump, in its order. Lines of text between the bytes are passed over.
 * @throws QuiesceError `USAGE` if it holds no device or no bytes, or bytes that are out of order
 */
export function parseHexdump(text: string): DumpedDevice[] {
  const found: { address: string; data: number[] }[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd()
    const device = deviceLine.exec(line)
    if (device) {
      const [, domain = '0000', bus, slot, fn] = device
      found.push({ address: `${domain}:${bus}:${slot}.${fn}`.toLowerCase(), data: [] })
      continue
    }
    const row = dataLine.exec(line)
    if (row?.[1] === undefined || row[2] === undefined) continue
    const current = found.at(-1) ?? refuse(index + 1, 'bytes before the line of a device')
    const offset = Number.parseInt(row[1], 16)
    if (offset !== current.data.length) {
      refuse(index + 1, `bytes of 0x${offset.toString(16)} where 0x${current.data.length.toString(16)} is next`)
    }
    current.data.push(
      ...row[2]
        .trim()
        .split(' ')
        .map((byte) => Number.parseInt(byte, 16)),
    )
    if (current.data.length > maxBytes) refuse(index + 1, `more than ${maxBytes} bytes`)
  }
  if (found.length === 0) refuse(1, 'no line of a device')
  return found.map(({ address, data }) => {
    if (!sizes.includes(data.length)) {
      throw new QuiesceError('USAGE', `Cannot parse dump: ${address} has ${data.length} bytes, not 64, 256 or 4096`, {
        device: address,
        hint: 'Give the output of lspci -x, -xxx or -xxxx, uncut',
      })
    }
    return { address, bytes: Uint8Array.from(data) }
  })
}
