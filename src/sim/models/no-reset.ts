import type { SimulatedModel } from '../simulated-model.js'
import { conventional, parts } from './stream-functions.js'

export const noReset: SimulatedModel = {
  name: 'no-reset',
  description: 'no reset of any kind, and state that survives D3hot',
  bus: 'root',
  functions: [conventional(0x0005, [parts.powerManagement(true)])],
}
