// In the guest: serves a device by a process of its own, which kills itself in the middle of the device's next transfer once it
// is told to. Arguments: address, socket.
import { setTimeout as wait } from 'node:timers/promises'
import { UnixListener } from '../../../src/linux/unix-listener.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { DeviceServer } from '../../../src/vfio-user/server/device-server.js'
import { PhysicalDevice } from '../../../src/vfio-user/server/physical-device.js'
import { EduDriver } from './edu-driver.js'

const [address = '', socket = ''] = process.argv.slice(2)
const fn = await openVfioFunction(address, new VfioOwnership())
const edu = new EduDriver(fn)
new DeviceServer(new PhysicalDevice(fn)).listen(UnixListener.listen(socket))

process.on('message', async () => {
  process.send?.('armed')
  while (!edu.isTransferring) await wait(1)
  process.kill(process.pid, 'SIGKILL')
})
process.send?.('listening')
