import { QuiesceError } from '../errors/quiesce-error.js'
import type { FaultValues } from './faults.js'
import { IommuDomain } from './iommu.js'
import { simulatedModels } from './models/simulated-models.js'
import { SimulatedFunction } from './simulated-function.js'
import { addressesOf, SimulatedMachine } from './simulated-machine.js'
import type { SimulatedModel } from './simulated-model.js'

export interface SimulatedFunctionOptions {
  /** Where it is plugged in; a machine of its own if not given. Functions of one machine share clock and buses. */
  readonly machine?: SimulatedMachine
  /** Faults that are on when the device is opened, beside those of its model. */
  readonly faults?: Partial<FaultValues>
  /** How `contain` cuts it off: as iommufd does (the default), or as a type 1 container does. */
  readonly containment?: 'detach' | 'unmap-all'
  /** Puts it in the address space of another function, as one VFIO container does. */
  readonly shareDmaWith?: SimulatedFunction
  /** Virtual microseconds that an access to a device takes. */
  readonly accessUs?: number
}

interface Found {
  readonly model: SimulatedModel
  readonly index: number
}

/** Finds `flr`, `sim:flr`, `siblings` (its first function) or `sim:siblings.1`. */
function find(reference: string): Found {
  const name = reference.startsWith('sim:') ? reference.slice(4) : reference
  const whole = simulatedModels.get(name)
  if (whole !== undefined) return { model: whole, index: 0 }
  for (const model of simulatedModels.values()) {
    const index = addressesOf(model).indexOf(`sim:${name}`)
    if (index >= 0) return { model, index }
  }
  throw new QuiesceError('NO_DEVICE', `Cannot open sim:${name}: no such model`, {
    device: `sim:${name}`,
    hint: `There are ${[...simulatedModels.keys()].join(', ')}`,
  })
}

/**
 * Opens a simulated function, as its owner.
 * @throws QuiesceError `NO_DEVICE` if there is no such model, `BUSY` if it is open already in that machine
 */
export function createSimulatedFunction(reference: string, options: SimulatedFunctionOptions = {}): SimulatedFunction {
  const { model, index } = find(reference)
  const machine = options.machine ?? new SimulatedMachine()
  const address = addressesOf(model)[index] ?? `sim:${model.name}`
  if (machine.open.has(address)) {
    throw new QuiesceError('BUSY', `Cannot open ${address}: it is open already`, { device: address })
  }
  const hardware = machine.plug(model)[index]
  const declaration = model.functions[index]
  if (hardware === undefined || declaration === undefined) {
    throw new QuiesceError('NO_DEVICE', `Cannot open ${address}: it has no such function`, { device: address })
  }
  hardware.faults.setAll(options.faults ?? {})
  return new SimulatedFunction({
    address,
    machine,
    model,
    declaration,
    hardware,
    domain: options.shareDmaWith?.dma.domain ?? new IommuDomain(machine.mappingLimit),
    containment: options.containment ?? 'detach',
    accessUs: options.accessUs ?? 1,
  })
}
