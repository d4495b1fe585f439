// The NVM command set (NVM Express Base 1.4, 6), on the one namespace.
import type { CommandHandler, EnabledController } from './enabled-controller.js'
import { type Command, DatasetRange, done, ioOpcode, type Outcome, type Status, status } from './entries.js'
import { limits } from './limits.js'
import { fromHost, toHost } from './prp.js'

const everyNamespace = 0xffff_ffff
const forceUnitAccess = 1 << 30
/** Of Dataset Management (6.7.1.2.1), and of Write Zeroes (6.18). */
const deallocate = { dataset: 1 << 2, zeroes: 1 << 25 } as const

interface Extent {
  readonly offset: bigint
  readonly length: number
}

/** The bytes that a command names, or what is wrong with them. */
function extentOf({ store }: EnabledController, command: Command): Extent | Outcome {
  if (command.namespaceId !== 1) return { status: status.invalidNamespace }
  const start = BigInt(command.dword10) | (BigInt(command.dword11) << 32n)
  const blocks = (command.dword12 & 0xffff) + 1
  return isInside(store.size, start, blocks)
    ? { offset: start * BigInt(limits.blockSize), length: blocks * limits.blockSize }
    : { status: status.lbaOutOfRange }
}

function isInside(size: bigint, start: bigint, blocks: number): boolean {
  return start + BigInt(blocks) <= size / BigInt(limits.blockSize)
}

/** A failure of the file is one of the medium. */
async function onMedium(work: Promise<void>, failure: Status): Promise<Status> {
  try {
    await work
    return status.success
  } catch {
    return failure
  }
}

async function flushed({ store }: EnabledController): Promise<Outcome> {
  return { status: await onMedium(store.flush(), status.writeFault) }
}

/** Whether what is written has to be on the medium before the answer: the host says so, or has turned the cache off. */
const isForced = ({ features }: EnabledController, command: Command): boolean =>
  (command.dword12 & forceUnitAccess) !== 0 || !features.hasWriteCache

const read: CommandHandler = async (controller, command) => {
  const extent = extentOf(controller, command)
  if ('status' in extent) return extent
  if (extent.length > limits.transferBytes) return { status: status.invalidField }
  const bytes = new Uint8Array(extent.length)
  const found = await onMedium(controller.store.read(extent.offset, bytes), status.unrecoveredRead)
  return { status: found === status.success ? await toHost(controller.session.dma, command, bytes) : found }
}

const write: CommandHandler = async (controller, command) => {
  const extent = extentOf(controller, command)
  if ('status' in extent) return extent
  if (extent.length > limits.transferBytes) return { status: status.invalidField }
  const bytes = new Uint8Array(extent.length)
  const brought = await fromHost(controller.session.dma, command, bytes)
  // What came too late for this session is not written either.
  if (brought !== status.success || controller.session.isOver) return { status: brought }
  const written = await onMedium(controller.store.write(extent.offset, bytes), status.writeFault)
  return written === status.success && isForced(controller, command) ? flushed(controller) : { status: written }
}

const writeZeroes: CommandHandler = async (controller, command) => {
  const extent = extentOf(controller, command)
  if ('status' in extent) return extent
  const { session, store } = controller
  const { offset, length } = extent
  const work =
    (command.dword12 & deallocate.zeroes) === 0
      ? store.zero(offset, length, session.signal)
      : store.discard(offset, BigInt(length), session.signal)
  const written = await onMedium(work, status.writeFault)
  return written === status.success && isForced(controller, command) ? flushed(controller) : { status: written }
}

const flush: CommandHandler = (controller, { namespaceId }) =>
  namespaceId === 1 || namespaceId === everyNamespace ? flushed(controller) : { status: status.invalidNamespace }

/**
 * 6.7. Of its hints one is taken: what is deallocated is given back to the file system, and reads as zeros (DLFEAT says so).
 * Ranges are looked at before the first of them is touched.
 */
const datasetManagement: CommandHandler = async (controller, command) => {
  const { session, store } = controller
  if (command.namespaceId !== 1) return { status: status.invalidNamespace }
  const bytes = new Uint8Array(((command.dword10 & 0xff) + 1) * DatasetRange.size)
  const brought = await fromHost(session.dma, command, bytes)
  if (brought !== status.success || (command.dword11 & deallocate.dataset) === 0) return { status: brought }
  const ranges = Array.from({ length: bytes.length / DatasetRange.size }, (_, i) =>
    DatasetRange.decode(bytes, i * DatasetRange.size),
  )
  if (!ranges.every(({ start, blocks }) => isInside(store.size, start, blocks))) return { status: status.lbaOutOfRange }
  for (const { start, blocks } of ranges) {
    const [offset, length] = [start, BigInt(blocks)].map((count) => count * BigInt(limits.blockSize)) as [
      bigint,
      bigint,
    ]
    const given = await onMedium(store.discard(offset, length, session.signal), status.writeFault)
    if (given !== status.success) return { status: given }
  }
  return controller.features.hasWriteCache ? done : flushed(controller)
}

/** By opcode. */
export const ioCommands: ReadonlyMap<number, CommandHandler> = new Map([
  [ioOpcode.flush, flush],
  [ioOpcode.write, write],
  [ioOpcode.read, read],
  [ioOpcode.writeZeroes, writeZeroes],
  [ioOpcode.datasetManagement, datasetManagement],
])
