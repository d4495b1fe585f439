import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const neverReturns: SimulatedModel = {
  name: 'never-returns',
  description: 'its reset hangs in the kernel',
  bus: 'behind-port',
  functions: [express(0x000b, { flr: true })],
  faults: { 'reset-never-returns': true, 'hot-reset-never-returns': true },
}
