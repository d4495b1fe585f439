import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const siblings: SimulatedModel = {
  name: 'siblings',
  description: 'two functions on one bus: only a hot reset of both, and only for who owns both',
  bus: 'behind-port',
  functions: [express(0x000f, { flr: false, functionNumber: 0 }), express(0x0010, { flr: false, functionNumber: 1 })],
}
