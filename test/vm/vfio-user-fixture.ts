// The examples' devices behind sockets, in this process, for a guest of QEMU's.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adder } from '../../examples/memory-bar/adder.js'
import { BlockStore } from '../../examples/nvme/block-store.js'
import { nvmeDisk } from '../../examples/nvme/disk.js'
import { virtioDisk } from '../../examples/virtio/disk.js'
import { entropyDevice } from '../../examples/virtio/entropy.js'
import type { BusFunction } from '../../src/kit/bus-function.js'
import { UnixListener } from '../../src/linux/unix-listener.js'
import { DeviceServer } from '../../src/vfio-user/server/device-server.js'
import { servedBusFunction } from '../../src/vfio-user/server/served-bus-function.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { DeviceTraffic } from './device-traffic.js'
import { WatchedFunction } from './watched-function.js'

/** Serves a function at a socket in `folder`. */
export function serveAt(folder: string, name: string, fn: BusFunction, events: ServerEvent[] = []) {
  const socket = join(folder, name)
  const traffic = new DeviceTraffic(servedBusFunction(name, fn))
  const server = new DeviceServer(traffic.device, { onEvent: (event) => events.push(event) })
  server.listen(UnixListener.listen(socket))
  return { socket, server, traffic }
}

export interface ExampleDevices extends AsyncDisposable {
  readonly sockets: readonly string[]
  readonly rng: WatchedFunction
  readonly disk: WatchedFunction
  /** Of rng and disk. */
  readonly traffic: readonly DeviceTraffic[]
  /** What the servers told. */
  readonly events: readonly ServerEvent[]
  /** The file behind the disk. */
  readonly path: string
}

export const diskMiB = 64

/** A file of zeros in `folder`, as a disk. */
async function emptyDisk(folder: string, name: string, mebibytes: number) {
  const path = join(folder, name)
  await writeFile(path, '')
  await truncate(path, mebibytes << 20)
  return { path, store: await BlockStore.open(path) }
}

/** Serves an entropy device and an NVMe disk of zeros. */
export async function serveExamples(): Promise<ExampleDevices> {
  const folder = await mkdtemp(join(tmpdir(), 'quiesce-devices-'))
  const { path, store } = await emptyDisk(folder, 'image', diskMiB)
  const rng = new WatchedFunction(entropyDevice(randomBytes))
  const disk = new WatchedFunction(nvmeDisk(store, 'VM000001'))
  const events: ServerEvent[] = []
  const servers = [serveAt(folder, 'rng', rng, events), serveAt(folder, 'disk', disk, events)]
  return {
    sockets: servers.map(({ socket }) => socket),
    traffic: servers.map(({ traffic }) => traffic),
    rng,
    disk,
    events,
    path,
    async [Symbol.asyncDispose]() {
      for (const { server } of servers) await server.close()
      await store[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

/** Serves a virtio disk, with a queue too small for any request that has no table of its own, and a device with memory. */
export async function serveMoreExamples() {
  const folder = await mkdtemp(join(tmpdir(), 'quiesce-devices-'))
  const { path, store } = await emptyDisk(folder, 'image', 8)
  const memory = adder()
  const servers = [serveAt(folder, 'vda', virtioDisk(store, 2)), serveAt(folder, 'adder', memory)] as const
  return {
    sockets: servers.map(({ socket }) => socket),
    path,
    memory,
    memoryTraffic: servers[1].traffic,
    async [Symbol.asyncDispose]() {
      for (const { server } of servers) await server.close()
      memory[Symbol.dispose]()
      await store[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}
