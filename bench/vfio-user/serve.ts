// A server in a process of its own, at the socket that it inherits as descriptor 3: the real one with the least device
// that there can be, or one of the bare ones that it is compared with. Arguments: which, and the disk's file.
import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { BlockStore } from '../../examples/nvme/block-store.js'
import { nvmeDisk } from '../../examples/nvme/disk.js'
import type { InterruptInfo } from '../../src/function/interrupts.js'
import { adoptSocket } from '../../src/linux/unix-socket.js'
import { DeviceServer } from '../../src/vfio-user/server/device-server.js'
import { servedBusFunction } from '../../src/vfio-user/server/served-bus-function.js'
import type { ServedDevice, ServedRegion } from '../../src/vfio-user/server/served-device.js'
import { RawSocket } from './raw-socket.js'
import { accessSize, command } from './wire.js'

const inherited = 3
const barSize = 1 << 20

function memoryRegion(size: number): ServedRegion {
  const memory = new Uint8Array(size)
  return {
    size: BigInt(size),
    readable: true,
    writable: true,
    read: (offset, into) => into.set(memory.subarray(Number(offset), Number(offset) + into.byteLength)),
    write: (offset, from) => memory.set(from, Number(offset)),
  }
}

const noInterrupts: InterruptInfo = { count: 0, maskable: false, automasked: false, fixedSize: false }

/** Config space and a BAR that are nothing but memory. */
function plainDevice(): ServedDevice {
  const regions: (ServedRegion | undefined)[] = [memoryRegion(barSize)]
  regions[7] = memoryRegion(4096)
  return {
    name: 'memory',
    regions,
    canReset: true,
    interruptInfo: () => noInterrupts,
    reset: async () => ({ ok: true }),
    quiesce: async () => {},
  }
}

/** Answers as long as the real server would, and knows nothing of what it says. False once the client is gone. */
function answer(socket: RawSocket): boolean {
  const length = socket.receive()
  if (length === 0) return false
  for (const fd of socket.takeDescriptors()) closeSync(fd)
  const id = socket.in.getUint16(2, true)
  const count = id === command.read || id === command.write ? socket.in.getUint32(28, true) : 0
  const reply = count === 0 ? length : accessSize + (id === command.read ? count : 0)
  socket.out.setUint16(2, id, true)
  socket.out.setUint32(4, reply, true)
  socket.out.setUint32(12, 0, true)
  socket.send(reply)
  return true
}

function serveOnce(device: ServedDevice): void {
  const server = new DeviceServer(device, {
    onEvent: ({ kind }) => {
      if (kind === 'released') process.exit()
    },
  })
  server.serve(adoptSocket(inherited, server.sendSize))
}

const servers: Readonly<Record<string, () => void | Promise<void>>> = {
  device() {
    serveOnce(plainDevice())
  },
  async nvme() {
    serveOnce(servedBusFunction('nvme', nvmeDisk(await BlockStore.open(process.argv[3] ?? ''), 'BENCH0')))
  },
  blocking() {
    const socket = new RawSocket(inherited)
    while (answer(socket));
  },
  'event-loop'() {
    const socket = new RawSocket(inherited)
    const watch = koffi.node.poll(inherited, { readable: true }, () => {
      if (!answer(socket)) watch.close()
    })
  },
}

const serve = servers[process.argv[2] ?? '']
if (serve === undefined) throw new Error(`no server ${process.argv[2]}`)
await serve()
