// Simulated functions behind a server in another thread, and the client as the third maker of a PhysicalFunction.
import { after } from 'node:test'
import { openVfioUserFunction } from '../../src/vfio-user/client/vfio-user-function.js'
import { SimulatedServer } from '../vfio-user/simulated-server.js'
import type { ComplianceDevice } from './compliance-fixture.js'
import { describeCompliance } from './describe-compliance.js'
import { simulatedDevices } from './simulated-devices.js'

/** The server resets whatever the way: even a device that no method resets is quiesced. */
const served: Readonly<Record<string, Partial<ComplianceDevice>>> = {
  edu: { resetClears: false },
  'edu-port': {},
  nvme: {},
  flr: {},
}

for (const [model, differences] of Object.entries(served)) {
  const device = simulatedDevices[model]
  if (device === undefined) throw new Error(`there is no model ${model}`)
  const { transfer } = device
  // Transfers of a few milliseconds would be over before anything could stop them; those of edu take 100 ms as it is.
  const slowdown = model.startsWith('edu') ? 1 : 50
  const slow = transfer && { ...transfer, landsWithinMs: transfer.landsWithinMs * slowdown }
  const offered = slow === undefined ? device : { ...device, transfer: slow }
  describeCompliance(`vfio-user: sim:${model}`, () => {
    const server = new SimulatedServer(model, slowdown)
    after(() => server.close())
    return {
      // vfio-user has no hot reset: to its client, a device is on a root bus.
      device: { ...offered, canReset: true, bus: 'root', ...differences },
      async open() {
        await server.ready()
        return openVfioUserFunction(server.path)
      },
    }
  })
}
