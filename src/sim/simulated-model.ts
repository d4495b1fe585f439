import type { ConfigDeclaration } from '../kit/config-declaration.js'
import type { DeviceHost, DeviceLogic, DmaProgram } from './device-logic.js'
import type { FaultValues } from './faults.js'
import type { ResetKind } from './ledger-entry.js'

/** One function of a model. */
export interface FunctionDeclaration {
  readonly config: ConfigDeclaration
  readonly logic: (host: DeviceHost) => DeviceLogic
  /** The guest's driver, as far as it starts a transfer. */
  readonly program: DmaProgram
}

/** A kind of device, named after what it teaches. */
export interface SimulatedModel {
  readonly name: string
  /** What it teaches, in one line. */
  readonly description: string
  readonly bus: 'root' | 'behind-port'
  readonly functions: readonly [FunctionDeclaration, ...FunctionDeclaration[]]
  /** What `reset_method` allows, where not everything that there is. */
  readonly resetMethods?: readonly ResetKind[]
  /** Faults that are on from the start. */
  readonly faults?: Partial<FaultValues>
  /** Faults that come on when the device first does DMA. */
  readonly faultsOnceBusy?: Partial<FaultValues>
}
