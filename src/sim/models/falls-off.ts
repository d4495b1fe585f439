import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const fallsOff: SimulatedModel = {
  name: 'falls-off',
  description: 'gone from the bus after its reset',
  bus: 'behind-port',
  functions: [express(0x000c, { flr: true })],
  faults: { 'reset-falls-off': true },
}
