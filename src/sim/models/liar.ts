import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const liar: SimulatedModel = {
  name: 'liar',
  description: 'its reset returns success and resets nothing',
  bus: 'behind-port',
  functions: [express(0x000e, { flr: true })],
  faults: { 'reset-no-effect': true },
}
