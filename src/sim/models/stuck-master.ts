import type { SimulatedModel } from '../simulated-model.js'
import { conventional } from './stream-functions.js'

export const stuckMaster: SimulatedModel = {
  name: 'stuck-master',
  description: 'Bus Master Enable cannot be cleared',
  bus: 'root',
  functions: [conventional(0x0009, [])],
  faults: { 'bus-master-stuck': true },
}
