import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const slow: SimulatedModel = {
  name: 'slow',
  description: 'answers only three seconds after a reset',
  bus: 'behind-port',
  functions: [express(0x000d, { flr: true })],
  faults: { 'reset-slow-ms': 3_000 },
}
