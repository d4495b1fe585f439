// Regions of somebody else's device: accesses by messages, files for what may be mapped.
import { hex } from '../../bits/hex.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { AccessWidth, ConfigSpace } from '../../function/config-space.js'
import { type Region, type RegionArea, regionIndex } from '../../function/region.js'
import type { FileDescriptor } from '../../linux/file-descriptor.js'
import type { RequestPayload } from '../messages/commands.js'
import { RegionInfoFlags } from '../messages/flags.js'
import { mappableAreas } from '../messages/region-areas.js'
import { RegionInfo } from '../messages/structs.js'
import type { ClientConnection } from './connection.js'
import type { ResetGate } from './reset-gate.js'

const widths: ReadonlySet<number> = new Set([1, 2, 4, 8])

export interface RemoteRegionInfo {
  readonly index: number
  readonly size: bigint
  readonly readable: boolean
  readonly writable: boolean
  readonly mappable: readonly RegionArea[]
  readonly offset: bigint
  readonly file: FileDescriptor | undefined
}

/** Asks for a region, twice where its capabilities want more room. */
export function readRegionInfo(connection: ClientConnection, index: number): RemoteRegionInfo | undefined {
  const request = (argsz: number) => ({ argsz, flags: 0, index, cap_offset: 0, size: 0n, offset: 0n })
  const ask = (argsz: number) => connection.try('DEVICE_GET_REGION_INFO', request(argsz))
  let outcome = ask(RegionInfo.size)
  if (outcome.ok && outcome.payload.argsz > RegionInfo.size) {
    outcome.fds[Symbol.dispose]()
    outcome = ask(outcome.payload.argsz)
  }
  // A device need not have every index (VGA).
  if (!outcome.ok) return undefined
  const { payload, fds } = outcome
  if (payload.size === 0n) {
    fds[Symbol.dispose]()
    return undefined
  }
  const { read, write, mmap } = RegionInfoFlags.decode(payload.flags)
  const file = mmap ? fds.take(0) : undefined
  fds[Symbol.dispose]()
  const { size, offset } = payload
  const mappable = file === undefined ? [] : (mappableAreas(payload) ?? [{ offset: 0n, size }])
  return { index, size, readable: read, writable: write, mappable, offset, file }
}

export class RemoteRegion implements Region, Disposable {
  readonly index: number
  readonly size: bigint
  readonly readable: boolean
  readonly writable: boolean
  readonly mappable: readonly RegionArea[]
  readonly share = undefined
  readonly #connection: ClientConnection
  readonly #gate: ResetGate
  readonly #file: FileDescriptor | undefined
  readonly #offset: bigint

  /** Takes over the file of `info`. */
  constructor(connection: ClientConnection, gate: ResetGate, info: RemoteRegionInfo) {
    this.#connection = connection
    this.#gate = gate
    this.index = info.index
    this.size = info.size
    this.readable = info.readable
    this.writable = info.writable
    this.mappable = info.mappable
    this.#file = info.file
    this.#offset = info.offset
  }

  get file(): { readonly fd: number; readonly offset: bigint } | undefined {
    return this.#file === undefined ? undefined : { fd: this.#file.fd, offset: this.#offset }
  }

  read(offset: bigint, into: Uint8Array): void {
    const action = `read region ${this.index} at ${hex(offset, 1)}`
    this.#enter(action, offset, into.byteLength, this.readable)
    readBytes(this.#connection, this.index, offset, into, { code: 'REGION_ACCESS', action })
  }

  write(offset: bigint, from: Uint8Array): void {
    const action = `write region ${this.index} at ${hex(offset, 1)}`
    this.#enter(action, offset, from.byteLength, this.writable)
    const payload = { offset, region: this.index, count: from.byteLength, data: from }
    writeBytes(this.#connection, payload, { code: 'REGION_ACCESS', action })
  }

  #enter(action: string, offset: bigint, width: number, allowed: boolean): void {
    const { address } = this.#connection
    const inside = offset >= 0n && offset + BigInt(width) <= this.size
    if (!allowed || !widths.has(width) || !inside || offset % BigInt(width) !== 0n) {
      const detail = allowed ? 'out of range or not aligned' : 'the server does not let it'
      throw new QuiesceError('REGION_ACCESS', `Cannot ${action} of ${address}: ${detail}`, { device: address })
    }
    this.#gate.enter(action, 'REGION_ACCESS')
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]()
  }
}

export class RemoteConfigSpace implements ConfigSpace {
  readonly size: number
  readonly #connection: ClientConnection
  readonly #gate: ResetGate

  constructor(connection: ClientConnection, gate: ResetGate, size: number) {
    this.#connection = connection
    this.#gate = gate
    this.size = size
  }

  read(offset: number, width: AccessWidth): number {
    const action = `read ${width} bytes of config space at ${hex(offset, 2)}`
    this.#enter(action, offset, width)
    const bytes = new Uint8Array(4)
    const part = bytes.subarray(0, width)
    readBytes(this.#connection, regionIndex.config, BigInt(offset), part, { code: 'CONFIG_ACCESS', action })
    return new DataView(bytes.buffer).getUint32(0, true)
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const action = `write ${width} bytes of config space at ${hex(offset, 2)}`
    this.#enter(action, offset, width)
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
    const data = bytes.subarray(0, width)
    const payload = { offset: BigInt(offset), region: regionIndex.config, count: width, data }
    writeBytes(this.#connection, payload, { code: 'CONFIG_ACCESS', action })
  }

  #enter(action: string, offset: number, width: number): void {
    const { address } = this.#connection
    if (!Number.isInteger(offset) || offset < 0 || offset + width > this.size || offset % width !== 0) {
      throw new QuiesceError('CONFIG_ACCESS', `Cannot ${action} of ${address}: out of range or not aligned`, {
        device: address,
      })
    }
    this.#gate.enter(action, 'CONFIG_ACCESS')
  }
}

interface RefusedAccess {
  readonly code: 'REGION_ACCESS' | 'CONFIG_ACCESS'
  readonly action: string
}

function writeBytes(
  connection: ClientConnection,
  payload: RequestPayload<'REGION_WRITE'>,
  { code, action }: RefusedAccess,
): void {
  const { count } = connection.ask('REGION_WRITE', payload, { code, action }).payload
  if (count !== payload.count) {
    throw new QuiesceError(code, `Cannot ${action}: ${count} bytes were written`, { device: connection.address })
  }
}

function readBytes(
  connection: ClientConnection,
  region: number,
  offset: bigint,
  into: Uint8Array,
  refused: RefusedAccess,
): void {
  const { payload, fds } = connection.ask('REGION_READ', { offset, region, count: into.byteLength }, refused)
  fds[Symbol.dispose]()
  if (payload.data.byteLength !== into.byteLength) {
    const { code, action } = refused
    throw new QuiesceError(code, `Cannot ${action}: ${payload.data.byteLength} bytes came`, {
      device: connection.address,
    })
  }
  into.set(payload.data)
}
