import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const flr: SimulatedModel = {
  name: 'flr',
  description: 'a Function Level Reset and nothing out of the ordinary',
  bus: 'behind-port',
  functions: [express(0x0001, { flr: true })],
}
