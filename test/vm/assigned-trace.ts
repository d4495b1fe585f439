// What a trace of config space says of an assigned device.
import assert from 'node:assert/strict'
import { accessesBetween, type ConfigAccess } from './config-trace.js'
import type { ScenarioResult } from './guest/assigned/scenarios.js'
import { type RunOptions, runInVm, type VmRun } from './run-in-vm.js'

const commandOffset = 0x04
const busMaster = 0x4
const onTheBus = 0x7
/** The registers of BARs and of the expansion ROM. */
const isBar = ({ offset }: ConfigAccess): boolean => (offset >= 0x10 && offset < 0x28) || offset === 0x30

/** The two ways of the kernel to a device, each on a kernel that has it. */
export const backends = [
  { backend: 'group', kernel: 'debian' },
  { backend: 'cdev', kernel: 'iommufd' },
] as const

/** A run of a program of scenarios, and what came of each. */
export class ScenarioRun {
  readonly run: VmRun
  readonly #results: ReadonlyMap<string, ScenarioResult>

  private constructor(run: VmRun) {
    this.run = run
    this.#results = new Map((run.results as ScenarioResult[]).map((entry) => [entry.scenario, entry]))
  }

  /** The run that several tests look at; it boots when the first of them asks for it. */
  static once(options: RunOptions): () => Promise<ScenarioRun> {
    let booted: Promise<ScenarioRun> | undefined
    return () => {
      booted ??= runInVm({ timeoutMs: 300_000, ...options }).then((run) => {
        assert.equal(run.exitCode, 0, run.serial)
        return new ScenarioRun(run)
      })
      return booted
    }
  }

  /** What a scenario reported, bigints as hex strings. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of a program, looked at value by value.
  result(scenario: string): any {
    const entry = this.#results.get(scenario)
    assert.ok(entry, `no result of: ${scenario}`)
    assert.equal(entry.error, undefined)
    return entry.result
  }

  /** What was written to a device's config space between two marks. */
  writes(device: string, [from, to]: readonly [number, number]): ConfigAccess[] {
    return accessesBetween(this.run.configWrites, from, to).filter(
      (access) => access.device === device && access.kind === 'write',
    )
  }

  /** BARs are emulated: what the guest writes there never reaches the device. */
  assertBarsNeverWritten(device: string, marks: readonly [number, number]): void {
    assert.deepEqual(this.writes(device, marks).filter(isBar), [])
  }

  /**
   * The quiesce came before everything else: Bus Master first, then the decoders, then what resets it; and nothing made the
   * device a bus master again.
   */
  assertQuiescedFirst(device: string, [from, to]: readonly [number, number]): void {
    const all = accessesBetween(this.run.configWrites, from, to)
    const writes = this.writes(device, [from, to])
    assert.deepEqual(
      writes.slice(0, 2).map(({ offset, value }) => [offset, value & onTheBus]),
      [
        [commandOffset, onTheBus & ~busMaster & ~1],
        [commandOffset, 0],
      ],
    )
    const off = all.indexOf(writes[1] as ConfigAccess)
    const reset = all.findIndex(isReset)
    assert.ok(reset === -1 || reset > off, 'reset before it was off the bus')
    const command = writes.filter(({ offset }) => offset === commandOffset)
    for (const { value } of command) assert.equal(value & busMaster, 0, 'a bus master again')
    assert.equal((command.at(-1)?.value ?? 0) & onTheBus, 0)
  }
}

/** A Secondary Bus Reset of a bridge (bit 6 of the word at 0x3e); Initiate FLR is told by whoever knows the device. */
function isReset({ offset, value, device }: ConfigAccess): boolean {
  return device !== 'ICH9-LPC' && offset === 0x3e && (value & 0x40) !== 0
}
