// Simulated hardware with its faults, under the real kernel's VFIO: what the procedure reports of it, held against what the
// simulator knows. Faults that are the kernel's own, such as a reset that never returns, have no part in this.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { AccessWidth } from '../../src/function/config-space.js'
import { headerOffset } from '../../src/pci/header.js'
import type { Verdict } from '../../src/reset/report.js'
import { simulatedModels } from '../../src/sim/models/simulated-models.js'
import { RawFunction } from '../../src/sim/raw-function.js'
import type { SimulatedHardware } from '../../src/sim/simulated-hardware.js'
import { SimulatedMachine } from '../../src/sim/simulated-machine.js'
import type { SimulatedModel } from '../../src/sim/simulated-model.js'
import type { FaultyRound } from './guest/faulty-hardware.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'
import { serveAt } from './vfio-user-fixture.js'

interface Expected {
  readonly verdict: Verdict
  /** What the kernel finds that it could reset it by. */
  readonly kernelMethods: readonly string[]
  /** The method that worked, or why the first that was tried did not. */
  readonly attempt: readonly [method: string, result: string]
  /** The truth: something of the last user is left in the device. */
  readonly dirty: boolean
}

const expectations: Readonly<Record<string, Expected>> = {
  flr: { verdict: 'clean', kernelMethods: ['flr', 'bus'], attempt: ['vfio', 'ok'], dirty: false },
  'af-flr': { verdict: 'clean', kernelMethods: ['af_flr'], attempt: ['vfio', 'ok'], dirty: false },
  // D3hot to D0 really resets these.
  'pm-kernel': { verdict: 'clean', kernelMethods: ['pm'], attempt: ['vfio', 'ok'], dirty: false },
  slow: { verdict: 'clean', kernelMethods: ['flr', 'bus'], attempt: ['vfio', 'ok'], dirty: false },
  wedges: { verdict: 'clean', kernelMethods: ['flr', 'bus'], attempt: ['vfio', 'ok'], dirty: false },
  'wedges-no-reset': { verdict: 'quiesced', kernelMethods: [], attempt: ['vfio', 'skipped'], dirty: true },
  'no-reset': { verdict: 'quiesced', kernelMethods: [], attempt: ['vfio', 'skipped'], dirty: true },
  pending: { verdict: 'contained', kernelMethods: ['flr', 'bus'], attempt: ['vfio', 'unverified'], dirty: false },
  'stuck-master': { verdict: 'contained', kernelMethods: [], attempt: ['vfio', 'skipped'], dirty: true },
  deaf: { verdict: 'contained', kernelMethods: [], attempt: ['vfio', 'skipped'], dirty: true },
  'falls-off': { verdict: 'contained', kernelMethods: ['flr', 'bus'], attempt: ['vfio', 'unsupported'], dirty: false },
  // What no owner can see through: its config space is as after a reset. It is off the bus all the same.
  liar: { verdict: 'clean', kernelMethods: ['flr', 'bus'], attempt: ['vfio', 'ok'], dirty: true },
}
const names = Object.keys(expectations)

interface Truth {
  readonly dirty: boolean
  readonly busMaster: boolean
  readonly landed: number
}

/** Writes down how the hardware is whenever the guest program asks for it. */
class WitnessedFunction extends RawFunction {
  readonly truths: Truth[] = []

  override readConfig(offset: number, width: AccessWidth): number {
    const value = super.readConfig(offset, width)
    const { isDirty, busMaster, ledger } = this.hardware
    if (offset === headerOffset.cardbusCis && width === 1) {
      this.truths.push({ dirty: isDirty, busMaster, landed: ledger.landedCount })
    }
    return value
  }
}

function modelOf(name: string): SimulatedModel {
  const model = simulatedModels.get(name)
  assert.ok(model, name)
  return model
}

/** A model whose faults begin with its DMA, so that firmware and kernel find a device that is well. */
function hardwareOf(name: string): SimulatedHardware {
  const { faults, faultsOnceBusy, ...model } = modelOf(name)
  const machine = new SimulatedMachine()
  const [hardware] = machine.plug({ ...model, faultsOnceBusy: { ...faults, ...faultsOnceBusy } })
  assert.ok(hardware)
  return hardware
}

describe('faulty hardware under the real kernel, reset in the middle of its DMA', () => {
  let rounds: readonly FaultyRound[] = []
  let truths: readonly (readonly Truth[])[] = []

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quiesce-faulty-'))
    const functions = names.map((name) => new WitnessedFunction(hardwareOf(name)))
    const servers = functions.map((fn, i) => serveAt(folder, names[i] ?? '', fn))
    try {
      const served = servers.map(({ socket }, i) => {
        const attachment = modelOf(names[i] ?? '').bus === 'root' ? ('root-bus' as const) : ('root-port' as const)
        return { socket, attachment }
      })
      const run = await runInVm({
        program: 'faulty-hardware',
        args: names,
        topology: topology([], { served }),
        // The kernel waits 65 s for one that is gone.
        timeoutMs: 300_000,
      })
      assert.equal(run.exitCode, 0, run.serial)
      rounds = run.results as FaultyRound[]
      truths = functions.map((fn) => fn.truths)
    } finally {
      for (const { server } of servers) await server.close()
      for (const fn of functions) fn[Symbol.dispose]()
      await rm(folder, { recursive: true })
    }
  })

  for (const [index, [name, expected]] of Object.entries(expectations).entries()) {
    it(`${name}: ${modelOf(name).description}`, () => {
      const round = rounds[index]
      assert.ok(round)
      assert.equal(round.error, undefined)
      assert.deepEqual(round.kernelMethods, expected.kernelMethods)
      assert.equal(round.report?.verdict, expected.verdict)
      const [attempt] = round.report?.attempts ?? []
      assert.deepEqual([attempt?.method, attempt?.result], expected.attempt)
      assert.equal(round.intact, true, 'nothing landed in the memory of the next user')

      const [atVerdict, later] = truths[index] ?? []
      assert.ok(atVerdict && later)
      assert.equal(atVerdict.dirty, expected.dirty)
      if (expected.verdict !== 'contained') {
        assert.equal(atVerdict.busMaster, false)
        assert.equal(later.landed, atVerdict.landed, 'and the hardware knows of no write')
      }
    })
  }
})
