// Makes the bytes of a recorded line, field by field from the specification's tables: the codec has no part in it, so that
// it can be checked against them.
import { readFileSync } from 'node:fs'

type Side = 'C' | 'S'

export interface RecordedMessage {
  readonly line: string
  readonly sender: Side
  readonly id: number
  readonly command: string
  readonly isReply: boolean
  readonly noReply: boolean
  readonly size: number
  readonly fields: ReadonlyMap<string, string>
  readonly fds: number
  readonly bytes: Uint8Array
}

/** The number of each command, and its fixed fields in order with their bytes. */
const layouts: Readonly<Record<string, readonly [number, ...(readonly [string, 2 | 4 | 8])[]]>> = {
  VERSION: [1, ['major', 2], ['minor', 2]],
  DMA_MAP: [2, ['argsz', 4], ['flags', 4], ['offset', 8], ['iova', 8], ['size', 8]],
  DMA_UNMAP: [3, ['argsz', 4], ['flags', 4], ['iova', 8], ['size', 8]],
  DEVICE_GET_INFO: [4, ['argsz', 4], ['flags', 4], ['nregions', 4], ['nirqs', 4]],
  DEVICE_GET_REGION_INFO: [5, ['argsz', 4], ['flags', 4], ['index', 4], ['cap_off', 4], ['size', 8], ['offset', 8]],
  DEVICE_GET_IRQ_INFO: [7, ['argsz', 4], ['flags', 4], ['index', 4], ['count', 4]],
  DEVICE_SET_IRQS: [8, ['argsz', 4], ['flags', 4], ['index', 4], ['start', 4], ['count', 4]],
  REGION_READ: [9, ['off', 8], ['region', 4], ['count', 4]],
  REGION_WRITE: [10, ['off', 8], ['region', 4], ['count', 4]],
  DMA_READ: [11],
  DMA_WRITE: [12],
  DEVICE_RESET: [13],
}

function putNumber(bytes: Uint8Array, at: number, width: number, value: bigint): void {
  for (let index = 0; index < width; index++) bytes[at + index] = Number((value >> BigInt(8 * index)) & 0xffn)
}

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

function parseFields(text: string): Map<string, string> {
  const json = text.indexOf('json=')
  const plain = json < 0 ? text : text.slice(0, json)
  const pairs = plain.split(' ').filter((word) => word !== '')
  const fields = new Map(pairs.map((pair) => pair.split('=') as [string, string]))
  if (json >= 0) fields.set('json', text.slice(json + 'json='.length))
  return fields
}

function parseLine(line: string): RecordedMessage {
  const found = /^([CS]) (\d+) (\w+) (REQ\|NO_REPLY|REQ|REP) (\d+) ?(.*)$/.exec(line)
  if (found === null) throw new Error(`no recorded message: ${line}`)
  const [, sender, id, command = '', kind, size, rest = ''] = found
  const fields = parseFields(rest)
  const [number = 0, ...layout] = layouts[command] ?? []
  const isReply = kind === 'REP'
  const noReply = kind === 'REQ|NO_REPLY'

  const bytes = new Uint8Array(Number(size))
  putNumber(bytes, 0, 2, BigInt(id ?? 0))
  putNumber(bytes, 2, 2, BigInt(number))
  putNumber(bytes, 4, 4, BigInt(size ?? 0))
  putNumber(bytes, 8, 4, (isReply ? 1n : 0n) | (noReply ? 0x10n : 0n))
  let at = 16
  for (const [name, width] of fields.size === 0 ? [] : layout) {
    putNumber(bytes, at, width, BigInt(fields.get(name) ?? 0))
    at += width
  }
  bytes.set(fromHex(fields.get('data') ?? fields.get('raw') ?? ''), at)
  bytes.set(Buffer.from(fields.get('json') ?? ''), at)
  const fds = Number(fields.get('fds') ?? 0)
  return {
    line,
    sender: sender as Side,
    id: Number(id),
    command,
    isReply,
    noReply,
    size: Number(size),
    fields,
    fds,
    bytes,
  }
}

export const recordings = [
  'qemu-11.1.3-gpio-tcg-memfd',
  'qemu-11.1.3-gpio-tcg-nofd',
  'qemu-11.1.3-virtio-rng-mmapbar',
  'qemu-11.1.3-virtio-rng-msix-dma-messages',
  'qemu-11.1.3-virtio-rng-msix-memfd',
] as const

/** The messages of a recording, in order. Read from the sources: the compiler copies no text. */
export function readRecording(name: string): RecordedMessage[] {
  const file = new URL(`../../../../../test/unit/vfio-user/traces/${name}.txt`, import.meta.url)
  return readFileSync(file, 'utf8').trimEnd().split('\n').map(parseLine)
}
