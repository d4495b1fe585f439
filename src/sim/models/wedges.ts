import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const wedges: SimulatedModel = {
  name: 'wedges',
  description: 'wedges when Bus Master is cleared under its DMA; its reset cures it',
  bus: 'behind-port',
  functions: [express(0x0006, { flr: true })],
  faults: { 'wedges-on-bus-master-clear': true },
}
