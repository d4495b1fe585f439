import { Faults } from './faults.js'
import { Ledger } from './ledger.js'
import { SimulatedBus } from './simulated-bus.js'
import type { SimulatedFunction } from './simulated-function.js'
import { SimulatedHardware } from './simulated-hardware.js'
import type { SimulatedModel } from './simulated-model.js'
import { VirtualClock } from './virtual-clock.js'

export interface SimulatedMachineOptions {
  /** How many mappings each of its address spaces takes; any number if not given. */
  readonly mappingLimit?: number
}

/** The buses of one simulated machine, with one clock. Hardware stays in it, as it is, when a function is closed. */
export class SimulatedMachine {
  readonly clock = new VirtualClock()
  readonly mappingLimit: number | undefined
  readonly #hardware = new Map<string, SimulatedHardware>()
  /** Functions that are open now, by address. */
  readonly open = new Map<string, SimulatedFunction>()

  constructor(options: SimulatedMachineOptions = {}) {
    this.mappingLimit = options.mappingLimit
  }

  /** Plugs in every function of a model, unless they are there already. */
  plug(model: SimulatedModel): readonly SimulatedHardware[] {
    const addresses = addressesOf(model)
    const existing = addresses.flatMap((address) => this.#hardware.get(address) ?? [])
    if (existing.length === addresses.length) return existing
    const bus = new SimulatedBus(model.bus)
    return addresses.map((address, i) => {
      const { clock } = this
      const ledger = new Ledger(() => clock.now())
      const faults = new Faults(model.faults)
      faults.onChange((name) => {
        ledger.record({ kind: 'fault', at: clock.now(), name, value: faults.get(name) })
      })
      const fn = model.functions[i] ?? model.functions[0]
      const hardware = new SimulatedHardware({
        clock,
        faults,
        ledger,
        bus,
        declaration: fn.config,
        logic: fn.logic,
        faultsOnceBusy: model.faultsOnceBusy,
      })
      hardware.assignBars()
      this.#hardware.set(address, hardware)
      return hardware
    })
  }

  addressOf(hardware: SimulatedHardware): string {
    for (const [address, each] of this.#hardware) if (each === hardware) return address
    return 'sim:unplugged'
  }
}

/** `sim:model`, or `sim:model.0` and so on where it has several functions. */
export function addressesOf(model: SimulatedModel): readonly string[] {
  return model.functions.length === 1 ? [`sim:${model.name}`] : model.functions.map((_, i) => `sim:${model.name}.${i}`)
}
