import type { SimulatedModel } from '../simulated-model.js'
import { conventional, parts } from './stream-functions.js'

export const pmKernel: SimulatedModel = {
  name: 'pm-kernel',
  description: 'the kernel resets it by D0 - D3hot - D0, as it has nothing else',
  bus: 'root',
  functions: [conventional(0x0003, [parts.powerManagement(false)])],
}
