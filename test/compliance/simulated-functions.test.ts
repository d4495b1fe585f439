import { createSimulatedFunction } from '../../src/sim/index.js'
import { describeCompliance } from './describe-compliance.js'
import { simulatedDevices } from './simulated-devices.js'

for (const [model, device] of Object.entries(simulatedDevices)) {
  describeCompliance(`sim:${model}`, () => ({ device, open: () => createSimulatedFunction(model) }))
}

const { flr } = simulatedDevices
if (flr === undefined) throw new Error('there is no model flr')

for (const containment of ['detach', 'unmap-all'] as const) {
  describeCompliance(`sim:flr contained by ${containment}`, () => ({
    device: flr,
    open: () => createSimulatedFunction('flr', { containment }),
  }))
}
