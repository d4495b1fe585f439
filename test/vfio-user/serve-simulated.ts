// Makes a simulated function for a thread that serves it. Its virtual time keeps up with the real one, as hardware's does.
import { createSimulatedFunction } from '../../src/sim/index.js'
import type { DeviceMaker } from '../../src/vfio-user/server/device-thread.js'
import { PhysicalDevice } from '../../src/vfio-user/server/physical-device.js'

export const makeSimulated: DeviceMaker = (model, onEvent) => {
  const fn = createSimulatedFunction(String(model))
  let last = performance.now()
  const pace = setInterval(() => {
    const now = performance.now()
    fn.clock.advance((now - last) * 1000)
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
