import type { SimulatedModel } from '../simulated-model.js'
import { conventional, parts } from './stream-functions.js'

export const pmReset: SimulatedModel = {
  name: 'pm-reset',
  description: 'reset_method is emptied, and D0 - D3hot - D0 by config space still resets it',
  bus: 'root',
  functions: [conventional(0x0004, [parts.powerManagement(false)])],
  resetMethods: [],
}
