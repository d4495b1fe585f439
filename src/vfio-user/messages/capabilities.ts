// The JSON of VERSION: `{"capabilities": {...}}`. What is known of it is checked, type and bounds; what is not known is
// ignored, as the specification lets capabilities be added.
import { Problem } from './problem.js'
import { isPowerOfTwo } from './rules.js'

/** What one side says of itself; what it leaves out has the default of limits.ts. */
export interface Capabilities {
  /** Most descriptors that it takes in one message. */
  readonly maxMessageFds?: number
  readonly maxDataTransfer?: number
  readonly maxDmaMaps?: number
  /** Page sizes for DMA_MAP, or'ed together. */
  readonly pageSizes?: bigint
  readonly migration?: { readonly pageSize?: number; readonly maxBitmapSize?: number }
  readonly twinSocket?: { readonly supported: boolean; readonly fdIndex?: number }
  readonly writeMultiple?: boolean
}

/** VFIO_USER_CLIENT_MAX_MSG_FDS_LIMIT of libvfio-user. */
const mostMessageFds = 1024

type JsonObject = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const wrong = (name: string) => new Problem('capabilities', `${name} is not what it must be`)

/** Takes members out of an object and remembers the first that is not what it must be. */
class MemberReader {
  readonly #object: JsonObject
  problem: Problem | undefined

  constructor(object: JsonObject) {
    this.#object = object
  }

  #read<T>(name: string, accept: (value: unknown) => value is T): T | undefined {
    // Only the object's own: `constructor` and the like are no capabilities.
    if (!Object.hasOwn(this.#object, name)) return undefined
    const value = this.#object[name]
    if (accept(value)) return value
    this.problem ??= wrong(name)
    return undefined
  }

  integer(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const accept = (value: unknown): value is number =>
      Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
    return this.#read(name, accept)
  }

  pageSize(name: string): number | undefined {
    const accept = (value: unknown): value is number =>
      Number.isSafeInteger(value) && isPowerOfTwo(BigInt(Number(value)))
    return this.#read(name, accept)
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, (value): value is boolean => typeof value === 'boolean')
  }

  object(name: string): MemberReader | undefined {
    const object = this.#read(name, isObject)
    return object === undefined ? undefined : new MemberReader(object)
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Leaves out what is `undefined`, so that absent stays absent. */
function present<T extends object>(members: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T
}

function readMigration(reader: MemberReader | undefined): Capabilities['migration'] {
  if (reader === undefined) return undefined
  return present({ pageSize: reader.pageSize('pgsize'), maxBitmapSize: reader.integer('max_bitmap_size', 1) })
}

function readTwinSocket(reader: MemberReader | undefined): Capabilities['twinSocket'] {
  if (reader === undefined) return undefined
  return present<{ supported: boolean; fdIndex?: number }>({
    supported: reader.boolean('supported') ?? false,
    fdIndex: reader.integer('fd_index', 0, mostMessageFds),
  })
}

/** Reads the capabilities; no JSON at all is no capabilities, as SPDK sends it. */
export function parseCapabilities(json: string | undefined): Capabilities | Problem {
  if (json === undefined) return {}
  const top = parseJson(json)
  if (!isObject(top)) return new Problem('capabilities', 'not a JSON object')
  const outer = new MemberReader(top)
  const reader = outer.object('capabilities')
  if (reader === undefined) return outer.problem ?? {}
  const pageSizes = reader.integer('pgsizes', 1)
  const migration = reader.object('migration')
  const twinSocket = reader.object('twin_socket')
  const capabilities = present<Capabilities>({
    maxMessageFds: reader.integer('max_msg_fds', 0, mostMessageFds),
    maxDataTransfer: reader.integer('max_data_xfer_size', 1),
    maxDmaMaps: reader.integer('max_dma_maps', 1),
    pageSizes: pageSizes === undefined ? undefined : BigInt(pageSizes),
    migration: readMigration(migration),
    twinSocket: readTwinSocket(twinSocket),
    writeMultiple: reader.boolean('write_multiple'),
  })
  return reader.problem ?? migration?.problem ?? twinSocket?.problem ?? capabilities
}

/** The JSON, without its NUL. `capabilities` is always there, empty or not: rust-vmm requires it. */
export function formatCapabilities(capabilities: Capabilities): string {
  const { migration, twinSocket } = capabilities
  // JSON.stringify leaves out what is undefined.
  return JSON.stringify({
    capabilities: {
      max_msg_fds: capabilities.maxMessageFds,
      max_data_xfer_size: capabilities.maxDataTransfer,
      max_dma_maps: capabilities.maxDmaMaps,
      pgsizes: capabilities.pageSizes === undefined ? undefined : Number(capabilities.pageSizes),
      migration: migration && { pgsize: migration.pageSize, max_bitmap_size: migration.maxBitmapSize },
      twin_socket: twinSocket && { supported: twinSocket.supported, fd_index: twinSocket.fdIndex },
      write_multiple: capabilities.writeMultiple,
    },
  })
}
