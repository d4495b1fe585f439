import type { SimulatedModel } from '../simulated-model.js'
import { conventional } from './stream-functions.js'

export const wedgesNoReset: SimulatedModel = {
  name: 'wedges-no-reset',
  description: 'wedges when Bus Master is cleared under its DMA, and nothing cures it',
  bus: 'root',
  functions: [conventional(0x0007, [])],
  faults: { 'wedges-on-bus-master-clear': true },
}
