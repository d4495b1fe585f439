import type { SimulatedModel } from '../simulated-model.js'
import { virtualFunction } from './stream-functions.js'

export const virtualFunctionModel: SimulatedModel = {
  name: 'virtual-function',
  description: 'an SR-IOV virtual function: Memory Space Enable is not real, Bus Master is',
  bus: 'behind-port',
  functions: [virtualFunction(0x0012)],
}
