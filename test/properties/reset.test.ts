// The invariant of the reset procedure, over random devices, guests, faults and policies: once a reset has returned
// anything but `lost`, no DMA of the previous user lands in memory; and a verdict never claims more than is true.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Command } from '../../src/pci/command.js'
import { type ResetPolicy, resetMethods, resetOrders } from '../../src/reset/policy.js'
import type { ResetReport } from '../../src/reset/report.js'
import { resetFunction } from '../../src/reset/reset-function.js'
import { createSimulatedFunction } from '../../src/sim/create-simulated-function.js'
import { simulatedModels } from '../../src/sim/models/simulated-models.js'
import type { SimulatedFunction } from '../../src/sim/simulated-function.js'
import { SimulatedMachine } from '../../src/sim/simulated-machine.js'
import { type PlannedFault, plan, plannedFault } from './fault-plan.js'
import { act, type GuestAction, guestAction } from './guest-actions.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 10_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

interface Scenario {
  readonly model: string
  readonly guest: readonly GuestAction[]
  readonly faults: readonly PlannedFault[]
  readonly policy: Partial<ResetPolicy>
  /** How the IOMMU cuts a device off: as iommufd does, or as a type 1 container. */
  readonly containment: 'detach' | 'unmap-all'
  /** Whether a sibling on the same bus, if the model has one, is open and a companion. */
  readonly withSibling: boolean
  /** Microseconds after which the caller aborts; undefined for never. */
  readonly abortAtUs: number | undefined
  /** What the next user of the memory lives through after the reset, in milliseconds. */
  readonly afterMs: number
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  model: fc.constantFrom(...simulatedModels.keys()),
  guest: fc.array(guestAction, { maxLength: 12 }),
  faults: fc.array(plannedFault, { maxLength: 4 }),
  policy: fc.record({
    methods: fc.shuffledSubarray([...resetMethods]),
    order: fc.constantFrom(...resetOrders),
    park: fc.boolean(),
    methodTimeoutMs: fc.constantFrom(5, 50, 400, 3000),
    drainTimeoutMs: fc.constantFrom(0, 20, 1000),
    readyTimeoutMs: fc.constantFrom(10, 1000),
  }),
  containment: fc.constantFrom('detach', 'unmap-all'),
  withSibling: fc.boolean(),
  abortAtUs: fc.option(fc.integer({ min: 0, max: 200_000 }), { nil: undefined }),
  afterMs: fc.constantFrom(5, 200, 2000),
})

/**
 * With these the kernel says, and believes, that it reset a device, and nothing that can be read back shows otherwise:
 * `clean` rests on the kernel's word then (docs/reset.md, Limits). That the device is quiet is checked all the same.
 */
const liars = ['reset-no-effect', 'config-write-dropped'] as const
/** The kernel's own D0 -> D3hot -> D0 does not read back whether the device went there; `pm` of the ladder does. */
const liarsToTheKernel = [...liars, 'd3-refused'] as const

/** Where the ledger stood when the reset began. */
interface Before {
  readonly at: number
  readonly entries: number
}

function assertVerdictIsTrue(fn: SimulatedFunction, report: ResetReport, before: Before): void {
  const { hardware, ledger } = fn
  const since = ledger.entries.slice(before.entries)
  const byKernel = report.attempts.some(({ method, result }) => method === 'vfio' && result === 'ok')
  const suspects = byKernel ? liarsToTheKernel : liars
  const lies =
    suspects.some((name) => fn.faults.get(name)) ||
    since.some((entry) => entry.kind === 'fault' && suspects.some((name) => name === entry.name))
  if (report.verdict === 'clean' || report.verdict === 'quiesced') {
    assert.equal(hardware.busMaster, false, `${report.verdict}, but Bus Master is on in the hardware`)
    assert.equal(report.command.verified, true)
  }
  if (report.verdict === 'clean' && !lies) {
    const resets = since.filter((entry) => entry.kind === 'reset' && entry.effective)
    assert.ok(resets.length > 0, 'clean, but nothing reset the device')
    assert.equal(hardware.isWedged, false, 'clean, but the device is wedged')
    assert.equal(hardware.isDirty, false, 'clean, but the device holds state of its last user')
    assert.equal(hardware.powerState, 0, 'clean, but not in D0')
  }
  if (report.verdict === 'contained') {
    const domain = hardware.master.attachment.domain
    assert.ok(domain === undefined || domain.mappings.length === 0, 'contained, but the IOMMU lets it through')
  }
  assert.equal(report.contained, report.verdict === 'contained')
}

function assertNothingWasDerivedFromAFailedRead(fn: SimulatedFunction, before: Before): void {
  for (const entry of fn.ledger.entries.slice(before.entries)) {
    if (entry.kind === 'misuse') assert.fail(entry.what)
    if (entry.kind === 'command' && entry.by === 'owner') {
      // INTx Disable is VFIO's own: the hardware's may differ from what the owner read and keeps.
      const turnedOn = entry.after & ~entry.before & ~Command.mask('intxDisable')
      assert.equal(turnedOn, 0, 'a Command write of the procedure turned a bit on')
    }
    if (entry.kind === 'config-write' && entry.offset === 4) {
      assert.equal(entry.width, 2, 'Command was written with another width than 2')
      assert.equal(entry.value & 0xf804, 0, 'Command was written with bits that only a failed read shows')
    }
  }
}

async function live(scene: Scenario): Promise<void> {
  const { model, guest, faults, policy, afterMs, containment } = scene
  const machine = new SimulatedMachine()
  using fn = createSimulatedFunction(model, { machine, containment })
  const hasSibling = scene.withSibling && (simulatedModels.get(model)?.functions.length ?? 1) > 1
  using sibling = hasSibling ? createSimulatedFunction(`${model}.1`, { machine }) : undefined
  fn.dma.map(0x10_0000n, fn.dma.allocate(0x1000n), 'read-write')
  for (const action of guest) act(fn, action)
  const before = { at: fn.clock.now(), entries: fn.ledger.entries.length }
  plan(fn, faults)
  const abort = new AbortController()
  if (scene.abortAtUs !== undefined) fn.clock.schedule(scene.abortAtUs, () => abort.abort())
  const report = await resetFunction(fn, {
    policy,
    signal: abort.signal,
    companions: sibling === undefined ? [] : [sibling],
  })
  const calls = fn.ledger.of('kernel-call').length
  // From here on the memory is somebody else's.
  fn.ledger.handOver()
  assertVerdictIsTrue(fn, report, before)
  assertNothingWasDerivedFromAFailedRead(fn, before)
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report, 'the report is not plain data')
  for (const [i, step] of report.steps.entries()) {
    assert.ok(step.at >= (report.steps[i - 1]?.at ?? 0), 'the steps are not in the order of time')
  }
  await fn.clock.sleep(afterMs)
  // What hung comes back, what was dead answers again.
  fn.faults.clearAll()
  await fn.clock.sleep(afterMs)
  const begun = fn.ledger.of('kernel-call').slice(calls)
  assert.ok(
    begun.every(({ phase }) => phase === 'end'),
    'a reset was begun behind the back of the caller, after the report',
  )
  if (report.verdict !== 'lost') {
    assert.equal(fn.ledger.foreignCount, 0, `${report.verdict}, but DMA of the previous user landed`)
  }
}

describe(`any guest, any fault, any policy (seed ${seed}, ${runs} runs)`, () => {
  it('no DMA lands after a verdict other than lost, and no verdict claims more than is true', async () => {
    await fc.assert(fc.asyncProperty(scenario, live), { seed, numRuns: runs })
  })

  it('a reset without the quiesce breaks the invariant, so that the property can fail', async () => {
    const unsafe = fc.asyncProperty(fc.constantFrom('edu', 'no-reset'), async (model) => {
      using fn = createSimulatedFunction(model)
      fn.dma.map(0x10_0000n, fn.dma.allocate(0x1000n), 'read-write')
      act(fn, { do: 'dma', page: 0, periodUs: 1000 })
      const report = await resetFunction(fn, { unsafeWithoutQuiesce: true })
      fn.ledger.handOver()
      await fn.clock.sleep(500)
      assert.equal(report.verdict, 'lost', 'the report must not claim more')
      assert.equal(fn.ledger.foreignCount, 0)
    })
    const details = await fc.check(unsafe, { seed, numRuns: 20 })
    assert.equal(details.failed, true)
    assert.equal(details.numRuns, 1, 'every single run must break it')
  })
})
