// The state of a device as one run of bytes: versioned, with the device that it is of, and checked as a whole before anything
// of it is used.
import { struct } from '../bits/struct.js'
import { QuiesceError } from '../errors/quiesce-error.js'
import { checksum } from './checksum.js'

export interface DeviceState {
  readonly config: Uint8Array
  /** The MSI-X table. */
  readonly msix: Uint8Array
  readonly interrupts: Uint8Array
  /** What clients map, one behind the other. */
  readonly memory: Uint8Array
  readonly model: Uint8Array
}

const sections = ['config', 'msix', 'interrupts', 'memory', 'model'] as const satisfies (keyof DeviceState)[]
const magic = 0x7453_6351
const version = 1

const Head = struct('device_state', {
  magic: 'u32',
  version: 'u32',
  /** Of all that follows. */
  checksum: 'u32',
  /** Of the config space that the device declares. */
  fingerprint: 'u32',
  config: 'u32',
  msix: 'u32',
  interrupts: 'u32',
  memory: 'u32',
  model: 'u32',
  reserved: 'u32',
})
const checkedFrom = Head.offsets.fingerprint

export function encodeDeviceState(fingerprint: number, state: DeviceState): Uint8Array {
  const lengths = Object.fromEntries(sections.map((name) => [name, state[name].length]))
  const head = Head.encode({ magic, version, fingerprint, ...lengths })
  const bytes = joined([head, ...sections.map((name) => state[name])])
  return Head.encode({ checksum: checksum(bytes.subarray(checkedFrom)) }, bytes)
}

/** One run of bytes made of several. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** @throws QuiesceError `USAGE` if it is not whole, of another version, or of another device */
export function decodeDeviceState(fingerprint: number, bytes: Uint8Array): DeviceState {
  if (bytes.length < Head.size) throw refusedState(`${bytes.length} bytes are no state`)
  const head = Head.decode(bytes)
  if (head.magic !== magic) throw refusedState('it is none')
  if (head.version !== version) throw refusedState(`it is of version ${head.version}, known is ${version}`)
  if (head.checksum !== checksum(bytes.subarray(checkedFrom))) throw refusedState('it is damaged')
  if (head.fingerprint !== fingerprint) throw refusedState('it is of another device')
  let at = Head.size
  const parts = sections.map((name) => {
    const part = bytes.subarray(at, at + head[name])
    at += head[name]
    return [name, part] as const
  })
  if (at !== bytes.length || head.reserved !== 0) throw refusedState('its parts are not as long as it says')
  return Object.fromEntries(parts) as unknown as DeviceState
}

export function refusedState(detail: string): QuiesceError {
  return new QuiesceError('USAGE', `Cannot restore a device: ${detail}`)
}
