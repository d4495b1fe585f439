// A device on its way to a guest of the guest: the kernel's VFIO, a server of ours in this process, QEMU 11 as its client, KVM,
// and a kernel that knows nothing of all that.

import { UnixListener } from '../../../src/linux/unix-listener.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { DeviceServer } from '../../../src/vfio-user/server/device-server.js'
import { PhysicalDevice } from '../../../src/vfio-user/server/physical-device.js'
import type { ServerEvent } from '../../../src/vfio-user/server/server-event.js'
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { mark } from './mark.js'
import { startNestedGuest, vfioUserDevice } from './nested.js'
import { report } from './report.js'
import {
  copyThroughDevice,
  enableMsi,
  innerPlace,
  knownMemory,
  makeTraffic,
  pattern,
  readConfig,
  readIds,
  type Traffic,
} from './whole-way-edu.js'

export interface CountedTraffic extends Traffic {
  readonly rounds: number
  /** Messages that reached the server meanwhile, and for one access to config space afterwards. */
  readonly messages: number
  readonly messagesOfConfig: number
}

export interface WholeWay {
  readonly kvm: unknown
  readonly kernel: string
  readonly ids: string
  /** What came back of `pattern`, over the device, in the guest's guest. */
  readonly copied: string
  readonly pattern: string
  readonly traffic: CountedTraffic
  readonly status: number | undefined
  readonly events: readonly ServerEvent[]
}

const socket = '/tmp/edu.sock'
const rounds = 100
const address = addressOf('edu-root')
bindToVfio(address)
const events: ServerEvent[] = []
using ownership = new VfioOwnership()
using fn = await openVfioFunction(address, ownership)
const onEvent = (event: ServerEvent) => events.push(event)
const server = new DeviceServer(new PhysicalDevice(fn, { onEvent }), { onEvent })
server.listen(UnixListener.listen(socket))

const guest = await startNestedGuest({
  devices: vfioUserDevice(socket, innerPlace),
  append: knownMemory,
  timeoutMs: 200_000,
})
const found = {
  kvm: await guest.qmp('query-kvm'),
  kernel: (await guest.expect('uname -sr')).trim(),
  ids: await readIds(guest),
  copied: await copyThroughDevice(guest),
  pattern,
}
await enableMsi(guest)
const received = server.received
const counted = await makeTraffic(guest, rounds)
const receivedThen = server.received
await readConfig(guest)
const traffic: CountedTraffic = {
  ...counted,
  rounds,
  messages: receivedThen - received,
  messagesOfConfig: server.received - receivedThen,
}
mark(1)
const status = await guest.powerOff()
await guest[Symbol.asyncDispose]()
// Returns when the device is quiet.
await server.close()
mark(2)
report({ ...found, traffic, status, events } satisfies WholeWay)
