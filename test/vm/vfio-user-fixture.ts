// The examples' devices behind sockets, in this process, for a guest of QEMU's.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlockStore } from '../../examples/nvme/block-store.js'
import { nvmeDisk } from '../../examples/nvme/disk.js'
import { entropyDevice } from '../../examples/virtio/entropy.js'
import type { BusFunction } from '../../src/kit/bus-function.js'
import { UnixListener } from '../../src/linux/unix-listener.js'
import { DeviceServer } from '../../src/vfio-user/server/device-server.js'
import { servedBusFunction } from '../../src/vfio-user/server/served-bus-function.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { WatchedFunction } from './watched-function.js'

/** Serves a function at a socket in `folder`. */
export function serveAt(folder: string, name: string, fn: BusFunction, events: ServerEvent[] = []) {
  const socket = join(folder, name)
  const server = new DeviceServer(servedBusFunction(name, fn), { onEvent: (event) => events.push(event) })
  server.listen(UnixListener.listen(socket))
  return { socket, server }
}

export interface ExampleDevices extends AsyncDisposable {
  readonly sockets: readonly string[]
  readonly rng: WatchedFunction
  readonly disk: WatchedFunction
  /** What the servers told. */
  readonly events: readonly ServerEvent[]
  /** The file behind the disk. */
  readonly path: string
}

export const diskMiB = 64

/** The entropy device and an empty disk. */
export async function serveExamples(): Promise<ExampleDevices> {
  const folder = await mkdtemp(join(tmpdir(), 'quiesce-served-'))
  const path = join(folder, 'image')
  await writeFile(path, '')
  await truncate(path, diskMiB << 20)
  const store = await BlockStore.open(path)
  const rng = new WatchedFunction(entropyDevice(randomBytes))
  const disk = new WatchedFunction(nvmeDisk(store, 'VM000001'))
  const events: ServerEvent[] = []
  const servers = [serveAt(folder, 'rng', rng, events), serveAt(folder, 'disk', disk, events)]
  return {
    sockets: servers.map(({ socket }) => socket),
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
