import type { SimulatedModel } from '../simulated-model.js'
import { conventional, parts } from './stream-functions.js'

export const afFlr: SimulatedModel = {
  name: 'af-flr',
  description: 'conventional PCI with the reset of the Advanced Features capability',
  bus: 'root',
  functions: [conventional(0x0002, [parts.advancedFeatures()])],
}
