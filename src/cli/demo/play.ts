// Plays a scene: a guest starts a DMA, its VM resets, the memory gets a new owner. What is told afterwards comes from
// the simulator's ledger and from the bytes in memory, not from the report alone.
import type { ResetReport } from '../../reset/report.js'
import { resetFunction } from '../../reset/reset-function.js'
import { createSimulatedFunction } from '../../sim/create-simulated-function.js'
import type { LedgerEntry } from '../../sim/ledger-entry.js'
import { SimulatedMachine } from '../../sim/simulated-machine.js'
import type { Scenario } from './scenario.js'

export interface Play {
  readonly scenario: Scenario
  readonly report: ResetReport
  readonly dmaStartsUs: number
  readonly resetBeginsUs: number
  readonly resetEndsUs: number
  readonly endUs: number
  readonly entries: readonly LedgerEntry[]
  /** Writes that landed for the guest that asked for them. */
  readonly landedBefore: number
  /** Writes that landed in the memory of the next owner. */
  readonly landedAfter: number
  /** Bytes of the next owner that are no longer what it wrote. */
  readonly bytesOverwritten: number
  /** What the first of them should be, and is. */
  readonly example: { readonly offset: number; readonly expected: string; readonly found: string } | undefined
}

const iova = 0x10_0000n
const memorySize = 0x1_0000n
const periodUs = 1000
/** The next owner fills its memory with this. */
const ownerByte = 0xb2

const settleMs = 2
const dmaMs = 12
const afterwardsMs = 24

export async function play(scenario: Scenario): Promise<Play> {
  const machine = new SimulatedMachine()
  using fn = createSimulatedFunction(scenario.device, { machine })
  const companions = (scenario.companions ?? []).map((device) => createSimulatedFunction(device, { machine }))
  try {
    const { clock, ledger } = fn
    const memory = fn.dma.allocate(memorySize)
    fn.dma.map(iova, memory, 'read-write')
    await clock.sleep(settleMs)
    const dmaStartsUs = clock.now()
    fn.startDma({ iova, length: 4096, periodUs })
    await clock.sleep(dmaMs)

    const resetBeginsUs = clock.now()
    const report = await resetFunction(fn, {
      companions,
      ...(scenario.policy === undefined ? {} : { policy: scenario.policy }),
      ...(scenario.withoutQuiesce ? { unsafeWithoutQuiesce: true } : {}),
    })
    const resetEndsUs = clock.now()
    const landedBefore = ledger.landedCount
    ledger.handOver()
    memory.bytes.fill(ownerByte)
    await clock.sleep(afterwardsMs)

    const at = memory.bytes.findIndex((byte) => byte !== ownerByte)
    const word = (offset: number): string => Buffer.from(memory.bytes.subarray(offset, offset + 4)).toString('hex')
    return {
      scenario,
      report,
      dmaStartsUs,
      resetBeginsUs,
      resetEndsUs,
      endUs: clock.now(),
      entries: [...ledger.entries],
      landedBefore,
      landedAfter: ledger.foreignCount,
      bytesOverwritten: memory.bytes.reduce((count, byte) => count + Number(byte !== ownerByte), 0),
      example: at < 0 ? undefined : { offset: at, expected: ownerByte.toString(16).repeat(4), found: word(at) },
    }
  } finally {
    for (const companion of companions) companion[Symbol.dispose]()
  }
}
