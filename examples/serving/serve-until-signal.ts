import type { BusFunction } from '../../src/kit/bus-function.js'
import { UnixListener } from '../../src/linux/unix-listener.js'
import { DeviceServer } from '../../src/vfio-user/server/device-server.js'
import { servedBusFunction } from '../../src/vfio-user/server/served-bus-function.js'

/** Offers a device at a socket, says how QEMU gets it, and returns when the process is asked to end. */
export async function serveUntilSignal(name: string, device: BusFunction, socket: string): Promise<void> {
  await using server = new DeviceServer(servedBusFunction(name, device), {
    onEvent: (event) => console.error(`${name}: ${event.kind}`),
  })
  server.listen(UnixListener.listen(socket))
  const attachment = { driver: 'vfio-user-pci', socket: { type: 'unix', path: socket } }
  console.log('-object memory-backend-memfd,id=mem0,size=1G,share=on -machine q35,memory-backend=mem0')
  console.log(`-device '${JSON.stringify(attachment)}'`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
