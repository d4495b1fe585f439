// In the guest: what the programs that try src/vfio have in common.
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import { EduDriver } from './edu-driver.js'

export const commandOffset = 0x04
export const commandBits = { memory: 0x2, busMaster: 0x4 } as const
export const iova = 0x10_0000n
const landsWithinMs = 250

/** Registers of QEMU's edu beside its DMA engine (docs/specs/edu.rst). */
export const edu = { factorial: 0x08n, raise: 0x60n, acknowledge: 0x64n } as const

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export function word(fn: PhysicalFunction, offset: bigint, value?: number): number {
  const bytes = new Uint8Array(4)
  const view = new DataView(bytes.buffer)
  if (value === undefined) fn.regions[0]?.read(offset, bytes)
  else {
    view.setUint32(0, value, true)
    fn.regions[0]?.write(offset, bytes)
  }
  return view.getUint32(0, true)
}

export function setCommand(fn: PhysicalFunction, value: number): number {
  fn.config.write(commandOffset, 2, value)
  return fn.config.read(commandOffset, 2)
}

export const wake = (fn: PhysicalFunction): number => setCommand(fn, commandBits.memory | commandBits.busMaster)

export async function transfer(fn: PhysicalFunction, meanwhile: () => unknown = () => {}) {
  using memory = fn.dma.allocate(fn.dma.pageSize)
  memory.bytes.fill(0xa5)
  using _ = fn.dma.map(iova, memory, 'read-write')
  wake(fn)
  const engine = new EduDriver(fn)
  engine.store(iova, 64)
  const inFlight = engine.isTransferring
  const during = await meanwhile()
  await sleep(landsWithinMs)
  return { inFlight, landed: memory.bytes.some((byte) => byte !== 0xa5), during }
}

export async function waitFor(isSo: () => boolean): Promise<boolean> {
  for (let round = 0; round < 200 && !isSo(); round++) await sleep(5)
  return isSo()
}

export function failure(run: () => unknown): unknown {
  try {
    return { returned: run() }
  } catch (error) {
    return describeError(error)
  }
}

function describeError(error: unknown): unknown {
  if (!(error instanceof QuiesceError)) return { error: String(error) }
  const { code, errnoName, message, hint } = error
  return { code, errno: errnoName, message, hint }
}

export const failureOf = (call: Promise<unknown>) => call.then((returned) => ({ returned }), describeError)
