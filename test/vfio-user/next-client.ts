// One client after the other, at one server.
import { UnixSocket } from '../../src/linux/unix-socket.js'
import { raw } from '../unit/vfio-user/messages/wire.js'
import { until } from './until.js'
import { type Talk, versionPayload, WireClient } from './wire-client.js'

const version = raw({ command: 1, payload: versionPayload('{"capabilities": {"max_msg_fds": 16}}') })

/** The client goes, and the device is cleared up: what was not possible, if anything. */
export async function leave({ events }: Talk, client: WireClient): Promise<string | undefined> {
  client[Symbol.dispose]()
  const released = () => events.findLast(({ kind }) => kind === 'released' || kind === 'connected')
  await until(() => released()?.kind === 'released', 'it was not released')
  const event = released()
  return event?.kind === 'released' ? event.failure : undefined
}

/** The next client, if it is let in. */
export async function comeIn({ server }: Talk): Promise<WireClient | undefined> {
  const [ours, theirs] = UnixSocket.pair(2 << 20)
  const client = new WireClient(ours)
  server.serve(theirs)
  ours.sendBuffer.set(version)
  ours.send(0, version.byteLength)
  if ((await client.receive()) !== undefined) return client
  client[Symbol.dispose]()
  return undefined
}
