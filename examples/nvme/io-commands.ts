// The NVM command set (NVM Express Base 1.4, 6), on the one namespace.
import type { CommandHandler, EnabledController } from './enabled-controller.js'
import { type Command, DatasetRange, done, ioOpcode, type Outcome, type Status, status } from './entries.js'
import { limits } from './limits.js'
import { fromHost, toHost } from './prp.js'

const everyNamespace = 0xffff_ffff
const forceUnitAccess = 1 << 30
const deallocate = 1 << 2

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

const isForced = (command: Command): boolean => (command.dword12 & forceUnitAccess) !== 0

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
  return written === status.success && isForced(command) ? flushed(controller) : { status: written }
}

const writeZeroes: CommandHandler = async (controller, command) => {
  const extent = extentOf(controller, command)
  if ('status' in extent) return extent
  const { session, store } = controller
  const written = await onMedium(store.zero(extent.offset, extent.length, session.signal), status.writeFault)
  return written === status.success && isForced(command) ? flushed(controller) : { status: written }
}

const flush: CommandHandler = (controller, { namespaceId }) =>
  namespaceId === 1 || namespaceId === everyNamespace ? flushed(controller) : { status: status.invalidNamespace }

/** Hints (6.7). A file gives no blocks back through Node, so a deallocated block keeps what was in it. */
const datasetManagement: CommandHandler = async ({ session, store }, command) => {
  if (command.namespaceId !== 1) return { status: status.invalidNamespace }
  const bytes = new Uint8Array(((command.dword10 & 0xff) + 1) * DatasetRange.size)
  const brought = await fromHost(session.dma, command, bytes)
  if (brought !== status.success || (command.dword11 & deallocate) === 0) return { status: brought }
  for (let at = 0; at < bytes.length; at += DatasetRange.size) {
    const { start, blocks } = DatasetRange.decode(bytes, at)
    if (!isInside(store.size, start, blocks)) return { status: status.lbaOutOfRange }
  }
  return done
}

/** By opcode. */
export const ioCommands: ReadonlyMap<number, CommandHandler> = new Map([
  [ioOpcode.flush, flush],
  [ioOpcode.write, write],
  [ioOpcode.read, read],
  [ioOpcode.writeZeroes, writeZeroes],
  [ioOpcode.datasetManagement, datasetManagement],
])
