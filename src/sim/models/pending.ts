import type { SimulatedModel } from '../simulated-model.js'
import { express } from './stream-functions.js'

export const pending: SimulatedModel = {
  name: 'pending',
  description: 'reports transactions pending for ever',
  bus: 'behind-port',
  functions: [express(0x0011, { flr: true })],
  faults: { 'transactions-pending': true },
}
