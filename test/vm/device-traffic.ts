// What passes between a served device and its client: accesses by region, and the answers of the server.
import type { CommandName } from '../../src/vfio-user/messages/commands.js'
import type { ServedDevice, ServedRegion } from '../../src/vfio-user/server/served-device.js'
import { Session } from '../../src/vfio-user/server/session.js'

export class DeviceTraffic {
  /** By region. */
  readonly reads = new Map<number, number>()
  readonly writes = new Map<number, number>()
  /** By command: requests that want no answer have none. */
  readonly replies = new Map<CommandName, number>()
  /** The device, watched. */
  readonly device: ServedDevice

  constructor(device: ServedDevice) {
    this.device = {
      ...device,
      regions: device.regions.map((region, index) => region && this.#watchRegion(region, index)),
      connect: (client) => {
        if (client instanceof Session) this.#watchReplies(client)
        device.connect?.(client)
      },
    }
  }

  /** Accesses to BARs. */
  barAccesses(kind: 'reads' | 'writes'): number {
    return [0, 1, 2, 3, 4, 5].reduce((sum, bar) => sum + (this[kind].get(bar) ?? 0), 0)
  }

  #watchRegion(region: ServedRegion, index: number): ServedRegion {
    return {
      ...region,
      // Another one for each client.
      get file() {
        return region.file
      },
      read: (offset, into) => {
        count(this.reads, index)
        return region.read(offset, into)
      },
      write: (offset, from) => {
        count(this.writes, index)
        return region.write(offset, from)
      },
    }
  }

  #watchReplies({ channel }: Session): void {
    const send = channel.send.bind(channel)
    channel.send = (message, fds) => {
      if (message.kind === 'reply') count(this.replies, message.command)
      send(message, fds)
    }
  }
}

function count<K>(of: Map<K, number>, key: K): void {
  of.set(key, (of.get(key) ?? 0) + 1)
}
