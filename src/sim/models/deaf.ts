import type { SimulatedModel } from '../simulated-model.js'
import { conventional } from './stream-functions.js'

export const deaf: SimulatedModel = {
  name: 'deaf',
  description: 'once it does DMA, it answers no config access any more and goes on',
  bus: 'root',
  functions: [conventional(0x0008, [])],
  faultsOnceBusy: { 'config-read-all-ones': true, 'config-write-dropped': true },
}
