import type { SimulatedModel } from '../simulated-model.js'
import { conventional } from './stream-functions.js'

export const lost: SimulatedModel = {
  name: 'lost',
  description: 'Bus Master Enable cannot be cleared, and the IOMMU does not let go either',
  bus: 'root',
  functions: [conventional(0x000a, [])],
  faults: { 'bus-master-stuck': true, 'detach-fails': 'EBUSY', 'unmap-fails': 'EBUSY' },
}
