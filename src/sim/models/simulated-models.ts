// Every model there is, in the order in which a newcomer best meets them.
import type { SimulatedModel } from '../simulated-model.js'
import { afFlr } from './af-flr.js'
import { deaf } from './deaf.js'
import { edu, eduPort } from './edu.js'
import { fallsOff } from './falls-off.js'
import { flr } from './flr.js'
import { liar } from './liar.js'
import { lost } from './lost.js'
import { neverReturns } from './never-returns.js'
import { noReset } from './no-reset.js'
import { nvme } from './nvme.js'
import { pending } from './pending.js'
import { pmKernel } from './pm-kernel.js'
import { pmReset } from './pm-reset.js'
import { siblings } from './siblings.js'
import { slow } from './slow.js'
import { stuckMaster } from './stuck-master.js'
import { virtualFunctionModel } from './virtual-function.js'
import { wedges } from './wedges.js'
import { wedgesNoReset } from './wedges-no-reset.js'

const models: readonly SimulatedModel[] = [
  edu,
  eduPort,
  nvme,
  flr,
  afFlr,
  pmKernel,
  pmReset,
  siblings,
  virtualFunctionModel,
  slow,
  noReset,
  wedges,
  wedgesNoReset,
  liar,
  pending,
  deaf,
  stuckMaster,
  neverReturns,
  fallsOff,
  lost,
]

/** By name. */
export const simulatedModels: ReadonlyMap<string, SimulatedModel> = new Map(models.map((model) => [model.name, model]))
