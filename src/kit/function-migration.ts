// Carries a function from one process to another: stops it, makes one run of bytes of all that it is, and brings another one
// of the same kind into that state.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { BarMemory } from './bar-memory.js'
import type { FunctionMigration } from './bus-function.js'
import type { ModelMigration } from './device-model.js'
import { decodeDeviceState, encodeDeviceState, joined, refusedState } from './device-state.js'
import type { FunctionRegisters } from './function-registers.js'
import { InterruptDelivery } from './interrupt-delivery.js'
import type { MsixWindow } from './msix-window.js'

/** The parts of a function that are its state. */
export interface CarriedFunction {
  readonly registers: FunctionRegisters
  readonly interrupts: InterruptDelivery
  readonly msix: MsixWindow | undefined
  readonly memories: readonly BarMemory[]
  /** How the model that there is now is carried. */
  readonly model: ModelMigration | undefined
  /** Puts another model in its place, once `restore` has been through with it. What that throws leaves everything as it was. */
  replaceModel(restore: (model: ModelMigration | undefined) => void): void
  /** Whether it came to its end before the client had to be given up on. */
  settles(work: Promise<void>): Promise<boolean>
}

const d3hot = 3
const nothing = new Uint8Array()

export class CarriedState implements FunctionMigration {
  readonly #function: CarriedFunction
  /** While it is stopped. */
  #hold: { readonly until: Promise<void>; readonly end: () => void } | undefined

  constructor(fn: CarriedFunction) {
    this.#function = fn
  }

  /** While it is stopped: until it runs again. */
  get held(): Promise<void> | undefined {
    return this.#hold?.until
  }

  async stop(): Promise<void> {
    if (this.#hold !== undefined) return
    const { model, interrupts, settles } = this.#function
    if (model !== undefined && !(await settles(model.pause()))) {
      model.resume()
      throw new QuiesceError('BUSY', 'Cannot stop the device: what is under way does not end')
    }
    let end = (): void => {}
    const until = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#hold = { until, end }
    interrupts.hold()
  }

  run(): void {
    this.release()
    this.#function.model?.resume()
  }

  /** Holds nothing back any more; a model that was paused stays so. */
  release(): void {
    const hold = this.#hold
    this.#hold = undefined
    hold?.end()
    this.#function.interrupts.release()
  }

  save(): Uint8Array {
    const { registers, interrupts, msix, memories, model } = this.#function
    if (this.#hold === undefined || model === undefined) {
      throw new QuiesceError('USAGE', 'Cannot save a device: it is not stopped')
    }
    const { config } = registers
    return encodeDeviceState(config.fingerprint, {
      config: config.snapshot(),
      msix: msix?.save() ?? nothing,
      interrupts: interrupts.save(),
      memory: joined(memories.map(({ bytes }) => bytes)),
      model: model.save(),
    })
  }

  /** Everything is looked at before anything is changed. */
  load(bytes: Uint8Array): void {
    if (this.#hold === undefined) throw new QuiesceError('USAGE', 'Cannot restore a device: it is not stopped')
    const { registers, interrupts, msix, memories } = this.#function
    const { config, pmcsr } = registers
    const state = decodeDeviceState(config.fingerprint, bytes)
    const vectors = Math.max(registers.vectors('msi'), registers.vectors('msix'))
    const signals = InterruptDelivery.decode(state.interrupts, vectors)
    const powerState = pmcsr === undefined ? 0 : (state.config[pmcsr] ?? 0) & d3hot
    const isWhole =
      state.config.length === config.size &&
      state.msix.length === (msix?.save().length ?? 0) &&
      state.memory.length === memories.reduce((sum, memory) => sum + memory.bytes.length, 0)
    if (!isWhole || signals === undefined || (powerState !== 0 && powerState !== d3hot)) {
      throw refusedState('there is something in it that this device cannot be in')
    }
    this.#function.replaceModel((model) => restoreModel(model, state.model))
    config.restore(state.config)
    msix?.restore(state.msix)
    interrupts.restore(signals)
    let at = 0
    for (const { bytes: memory } of memories) {
      memory.set(state.memory.subarray(at, at + memory.length))
      at += memory.length
    }
  }
}

/** Leaves the model in this state, waiting to be resumed. */
function restoreModel(model: ModelMigration | undefined, state: Uint8Array): void {
  void model?.pause()
  try {
    model?.restore(state)
  } catch (cause) {
    if (cause instanceof QuiesceError) throw cause
    throw refusedState('its model does not take it')
  }
}
