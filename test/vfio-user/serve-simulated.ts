// Makes a simulated function for a thread that serves it. Its virtual time keeps up with the real one, as hardware's does,
// or is slower by a factor.
import { createSimulatedFunction } from '../../src/sim/index.js'
import type { DeviceMaker } from '../../src/vfio-user/server/device-thread.js'
import { PhysicalDevice } from '../../src/vfio-user/server/physical-device.js'

export interface SimulatedOrder {
  readonly model: string
  readonly slowdown: number
}

export const makeSimulated: DeviceMaker = (data, onEvent) => {
  const { model, slowdown } = typeof data === 'string' ? { model: data, slowdown: 1 } : (data as SimulatedOrder)
  const fn = createSimulatedFunction(model)
  let last = performance.now()
  const pace = setInterval(() => {
    const now = performance.now()
    fn.clock.advance(((now - last) * 1000) / slowdown)
    last = now
  }, 1)
  return {
    device: new PhysicalDevice(fn, { failedAccess: 'errno', onEvent }),
    close() {
      clearInterval(pace)
      fn[Symbol.dispose]()
    },
  }
}
