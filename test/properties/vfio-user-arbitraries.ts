// Random messages that are well formed, for every command both ways, and ways to spoil the bytes of one.
import fc from 'fast-check'
import type { CommandName, ReplyPayload, RequestPayload } from '../../src/vfio-user/messages/commands.js'
import type { Message, Reply, Request } from '../../src/vfio-user/messages/message.js'
import { deviceFeatures, dirtyBitmapBytes } from '../../src/vfio-user/messages/payloads/feature-table.js'
import { regionInfoReply } from '../../src/vfio-user/messages/region-areas.js'
import type { Terms } from '../../src/vfio-user/messages/terms.js'

export const terms: Terms = {
  minor: 0,
  maxMessageFds: 16,
  peerMaxMessageFds: 16,
  maxDataTransfer: 65536,
  maxDmaMaps: 65535,
  pageSizes: 4096n,
  writeMultiple: true,
  migration: { pageSize: 4096 },
}

/** As the codec makes them: with the prototype of objects. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true })

const u32 = fc.nat(0xffffffff)
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const place = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n })
const span = fc.bigInt({ min: 1n, max: 1n << 40n })
const bytes = fc.uint8Array({ maxLength: 300 })
const transfer = fc.nat(terms.maxDataTransfer)

/** A value with the flags and the number of descriptors that go with it. */
type WithFds<V> = readonly [value: V, fds: number]
type Some<V> = fc.Arbitrary<WithFds<V>>

const plain = <V>(value: fc.Arbitrary<V>): Some<V> => value.map((made) => [made, 0])

/** Structs, each field by an arbitrary of its own. */
const repeated = <V>(fields: { [K in keyof V]: fc.Arbitrary<V[K]> }, maxLength: number) =>
  fc.array(record<V>(fields), { maxLength })

const json = fc
  .option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: undefined })
  .map((text) => (text === undefined || text.includes('\0') ? {} : { json: text }))
const version = fc
  .tuple(fc.nat(0xffff), fc.nat(0xffff), json)
  .map(([major, minor, rest]) => ({ major, minor, ...rest }))

const dmaMap: Some<RequestPayload<'DMA_MAP'>> = record({
  argsz: fc.integer({ min: 32, max: 64 }),
  flags: fc.nat(15),
  offset: place,
  address: place,
  size: span,
}).chain((value) => fc.integer({ min: value.flags >= 4 ? 1 : 0, max: 1 }).map((fds) => [value, fds]))

const dmaUnmap: fc.Arbitrary<RequestPayload<'DMA_UNMAP'>> = fc.oneof(
  record({ argsz: fc.constant(24), flags: fc.constant(0), address: place, size: place }),
  fc.constant({ argsz: 24, flags: 2, address: 0n, size: 0n }),
  record({ address: place, size: span, pgsize: u64, bits: fc.nat(1000) }).map(({ address, size, pgsize, bits }) => ({
    argsz: 40 + bits,
    flags: 1,
    address,
    size,
    bitmap: { pgsize, size: BigInt(bits) },
  })),
)

const dmaUnmapped: fc.Arbitrary<ReplyPayload<'DMA_UNMAP'>> = fc.oneof(
  record({ argsz: u32, flags: fc.constantFrom(0, 2), address: u64, size: u64 }),
  record({ argsz: u32, address: u64, size: u64, pgsize: u64, data: bytes }).map(({ pgsize, data, ...rest }) => ({
    ...rest,
    flags: 1,
    bitmap: { pgsize, size: BigInt(data.byteLength), data },
  })),
)

const argsz = (least: number) => fc.integer({ min: least, max: least + 100 })
const deviceInfo = record({ argsz: argsz(16), flags: u32, num_regions: u32, num_irqs: u32 })
const irqInfo = record({ argsz: argsz(16), flags: u32, index: u32, count: u32 })
const regionInfo = record({ argsz: argsz(32), flags: u32, index: u32, cap_offset: u32, size: u64, offset: u64 })

const regionInfoAnswer: Some<ReplyPayload<'DEVICE_GET_REGION_INFO'>> = record({
  index: fc.nat(8),
  flags: fc.nat(7),
  size: u64,
  offset: u64,
  areas: repeated({ offset: u64, size: u64 }, 4),
  room: fc.nat(200),
}).chain(({ room, ...region }) => fc.nat(16).map((fds) => [regionInfoReply(region, room), fds]))

const ioFds = record({ argsz: fc.integer({ min: 16, max: terms.maxDataTransfer }), index: u32 }).map((asked) => ({
  ...asked,
  flags: 0,
  count: 0,
}))

const ioFdsAnswer: Some<ReplyPayload<'DEVICE_GET_REGION_IO_FDS'>> = fc
  .tuple(
    repeated({ offset: u64, size: u64, datamatch: u64, fd_index: fc.nat(3), type: u32, flags: u32, padding: u32 }, 4),
    u32,
  )
  .map(([items, index]) => [{ argsz: 16 + 40 * items.length, flags: 0, index, count: items.length, items }, 4])

const setIrqs: Some<RequestPayload<'DEVICE_SET_IRQS'>> = record({
  index: fc.nat(2),
  start: fc.nat(2047),
  action: fc.constantFrom(8, 16, 32),
  count: fc.integer({ min: 1, max: 16 }),
}).chain(({ action, ...rest }) =>
  fc.oneof(
    fc.constant<WithFds<RequestPayload<'DEVICE_SET_IRQS'>>>([{ argsz: 20, flags: 1 | action, ...rest }, 0]),
    fc
      .boolean()
      .map(
        (connect): WithFds<RequestPayload<'DEVICE_SET_IRQS'>> => [
          { argsz: 20, flags: 4 | action, ...rest },
          connect ? rest.count : 0,
        ],
      ),
    fc
      .uint8Array({ minLength: rest.count, maxLength: rest.count })
      .map(
        (bools): WithFds<RequestPayload<'DEVICE_SET_IRQS'>> => [
          { argsz: 20 + rest.count, flags: 2 | action, ...rest, bools },
          0,
        ],
      ),
  ),
)

const regionAccess = record({ offset: place, region: u32, count: transfer })
const regionData = record({ offset: place, region: u32, data: bytes }).map((value) => ({
  ...value,
  count: value.data.byteLength,
}))
const dmaAccess = record({ address: place, count: transfer.map(BigInt) })
const dmaData = record({ address: place, data: bytes }).map((value) => ({
  ...value,
  count: BigInt(value.data.byteLength),
}))

const writeMulti = repeated({ offset: place, data: u64, region: u32, count: fc.nat(8) }, 12).map((items) => ({
  wr_cnt: BigInt(items.length),
  items,
}))

const get = 1 << 16
const set = 1 << 17
const probe = 1 << 18
const { MIGRATION, MIG_DEVICE_STATE, DMA_LOGGING_STOP, DMA_LOGGING_REPORT } = deviceFeatures

const report = record({ length: fc.bigInt({ min: 0n, max: 1n << 24n }), page: fc.constantFrom(4096n, 65536n) })
const reportBytes = (length: bigint, page: bigint) => new Uint8Array(new BigUint64Array([0n, length, page]).buffer)

const feature: fc.Arbitrary<RequestPayload<'DEVICE_FEATURE'>> = fc.oneof(
  fc
    .constantFrom(MIGRATION, MIG_DEVICE_STATE)
    .map(({ index }) => ({ argsz: 16, flags: get | index, data: new Uint8Array(0) })),
  fc
    .uint8Array({ minLength: 8, maxLength: 8 })
    .map((data) => ({ argsz: 16, flags: set | MIG_DEVICE_STATE.index, data })),
  bytes.map((data) => ({ argsz: 8 + data.byteLength, flags: set | DMA_LOGGING_STOP.index, data })),
  bytes.map((data) => ({ argsz: 8 + data.byteLength, flags: probe | get | MIGRATION.index, data })),
  report.map(({ length, page }) => ({
    argsz: 32 + Number(dirtyBitmapBytes(length, page)),
    flags: get | DMA_LOGGING_REPORT.index,
    data: reportBytes(length, page),
  })),
)

const featureAnswer: fc.Arbitrary<ReplyPayload<'DEVICE_FEATURE'>> = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((data) => ({ argsz: 16, flags: get | MIGRATION.index, data })),
  report.map(({ length, page }) => {
    const data = new Uint8Array(24 + Number(dirtyBitmapBytes(length, page)))
    data.set(reportBytes(length, page))
    return { argsz: 8 + data.byteLength, flags: get | DMA_LOGGING_REPORT.index, data }
  }),
)

const migrationAsked = transfer.map((size) => ({ argsz: 8 + size, size }))
const migrationBytes = bytes.map((data) => ({ argsz: 8 + data.byteLength, size: data.byteLength, data }))

const nothing = fc.constant({})

const payloads: { readonly [N in CommandName]: readonly [Some<RequestPayload<N>>, Some<ReplyPayload<N>>] } = {
  VERSION: [plain(version), plain(version)],
  DMA_MAP: [dmaMap, plain(nothing)],
  DMA_UNMAP: [plain(dmaUnmap), plain(dmaUnmapped)],
  DEVICE_GET_INFO: [plain(deviceInfo), plain(deviceInfo)],
  DEVICE_GET_REGION_INFO: [plain(regionInfo), regionInfoAnswer],
  DEVICE_GET_REGION_IO_FDS: [plain(ioFds), ioFdsAnswer],
  DEVICE_GET_IRQ_INFO: [plain(irqInfo), plain(irqInfo)],
  DEVICE_SET_IRQS: [setIrqs, plain(nothing)],
  REGION_READ: [plain(regionAccess), plain(regionData)],
  REGION_WRITE: [plain(regionData), plain(regionAccess)],
  DMA_READ: [plain(dmaAccess), plain(dmaData)],
  DMA_WRITE: [plain(dmaData), plain(dmaAccess)],
  DEVICE_RESET: [plain(nothing), plain(nothing)],
  REGION_WRITE_MULTI: [plain(writeMulti), plain(u64.map((wr_cnt) => ({ wr_cnt })))],
  DEVICE_FEATURE: [plain(feature), plain(featureAnswer)],
  MIG_DATA_READ: [plain(migrationAsked), plain(migrationBytes)],
  MIG_DATA_WRITE: [plain(migrationBytes), plain(nothing)],
}

const id = fc.nat(0xffff)

function requestOf(command: CommandName): fc.Arbitrary<Request> {
  return fc
    .tuple(id, fc.boolean(), payloads[command][0] as Some<object>)
    .map(
      ([number, noReply, [payload, fds]]) =>
        ({ kind: 'request', id: number, command, noReply, fds, payload }) as Request,
    )
}

function replyOf(command: CommandName): fc.Arbitrary<Reply> {
  return fc
    .tuple(id, payloads[command][1] as Some<object>)
    .map(([number, [payload, fds]]) => ({ kind: 'reply', id: number, command, fds, payload }) as Reply)
}

const everyCommand = Object.keys(payloads) as CommandName[]

/** Any well-formed message, requests and replies of every command alike. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  ...everyCommand.map(requestOf),
  ...everyCommand.map(replyOf),
  record({ id, command: fc.constantFrom(...everyCommand), errno: fc.integer({ min: 1, max: 4096 }) }).map(
    (error): Message => ({ kind: 'error', ...error }),
  ),
)

/** A fast generator of numbers below 2^32 (mulberry32): one seed from fast-check, many mutants. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

const extremes = [0, 1, 0x7f, 0x80, 0xff] as const

/** Bytes spoiled in one of the ways that break parsers: bits, extremes, words, cuts and additions. */
export function mutate(original: Uint8Array, random: () => number): Uint8Array {
  let bytes = Uint8Array.from(original)
  for (let times = 1 + (random() % 3); times > 0 && bytes.byteLength > 0; times--) {
    const at = random() % bytes.byteLength
    switch (random() % 6) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (random() % 8))
        break
      case 1:
        bytes[at] = extremes[random() % extremes.length] ?? 0
        break
      case 2:
        bytes.fill(random() % 2 === 0 ? 0xff : 0, at, at + 4)
        break
      case 3:
        bytes = bytes.slice(0, at)
        break
      case 4:
        bytes = Uint8Array.from([...bytes, ...new Array<number>(random() % 40).fill(random() & 0xff)])
        break
      default:
        bytes[at] = random() & 0xff
    }
  }
  // Mostly a true size, so that what lies behind the check of the size is reached.
  if (bytes.byteLength >= 8 && random() % 4 !== 0) new DataView(bytes.buffer).setUint32(4, bytes.byteLength, true)
  return bytes
}
