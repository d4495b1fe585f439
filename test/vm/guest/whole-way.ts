// A device on its way to a guest of the guest: the kernel's VFIO, a server of ours in this process, QEMU 11 as its client, KVM,
// and a kernel that knows nothing of all that. In the end its transfers are cut short: by a reset of the machine, and by the
// end of QEMU.
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { EduDriver, transferMs } from './edu-driver.js'
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
  prepareTransfer,
  readConfig,
  readIds,
  startTransfer,
  type Traffic,
  target,
  transferLength,
} from './whole-way-edu.js'
import { type CutTransfer, type NextClient, serveWatched } from './whole-way-service.js'

export interface WholeWay {
  readonly kvm: unknown
  readonly kernel: string
  readonly ids: string
  /** What came back of `pattern`, over the device, in the guest's guest. */
  readonly copied: string
  readonly pattern: string
}

export interface CountedTraffic extends Traffic {
  readonly rounds: number
  /** Messages that reached the server meanwhile, and for one access to config space afterwards. */
  readonly messages: number
  readonly messagesOfConfig: number
}

/** Whether a transfer lands in a guest that stands still, where nobody quiets the device. */
export interface Paused {
  readonly landed: boolean
}

export interface CutOfEdu extends CutTransfer {
  /** By the device's own word, at the last moment. */
  readonly wasInFlight: boolean
}

/** After the machine was reset: what came back of `pattern` again. */
export interface Rebooted {
  readonly copied: string
}

const socket = '/tmp/edu.sock'
const rounds = 40
const fillBefore = 0x11

const address = addressOf('edu-root')
bindToVfio(address)
await using service = await serveWatched(address, socket)
const { device, fn, server } = service
const edu = new EduDriver(fn)
const guest = await startNestedGuest({
  devices: vfioUserDevice(socket, innerPlace),
  append: knownMemory,
  timeoutMs: 200_000,
})
report({
  kvm: await guest.qmp('query-kvm'),
  kernel: (await guest.expect('uname -sr')).trim(),
  ids: await readIds(guest),
  copied: await copyThroughDevice(guest),
  pattern,
} satisfies WholeWay)

await enableMsi(guest)
const received = server.received
const traffic = await makeTraffic(guest, rounds)
const receivedThen = server.received
await readConfig(guest)
report({
  ...traffic,
  rounds,
  messages: receivedThen - received,
  messagesOfConfig: server.received - receivedThen,
} satisfies CountedTraffic)

await prepareTransfer(guest)
device.memory?.fill(target, 4096, fillBefore)
const landed = await service.landsWhilePaused(guest, 4 * transferMs, () => edu.store(BigInt(target), transferLength))
report({ landed } satisfies Paused)

/** Begins a transfer, lets `cut` take effect, and tells what became of both. */
async function cutTransfer(marks: readonly [number, number, number], cut: () => void): Promise<void> {
  await prepareTransfer(guest)
  device.memory?.fill(target, 4096, fillBefore)
  mark(marks[0])
  await startTransfer(guest, () => edu.isTransferring)
  const startedAt = performance.now()
  let wasInFlight = false
  device.watch({
    lastMoment() {
      // A transfer takes 100 ms, and QEMU's way to the reset more, on a software CPU: it is begun anew at the last moment.
      if (performance.now() - startedAt > transferMs / 2) {
        while (edu.isTransferring);
        device.memory?.fill(target, 4096, fillBefore)
        edu.store(BigInt(target), transferLength)
      }
      wasInFlight = edu.isTransferring
    },
    arrivalMs: 4 * transferMs,
    marks: [marks[1], marks[2]],
  })
  report({ ...(await service.untilCut(cut)), wasInFlight } satisfies CutOfEdu)
}

let restarted: Promise<void> | undefined
await cutTransfer([1, 2, 3], () => {
  restarted = guest.restart()
})
await restarted
report({ copied: await copyThroughDevice(guest) } satisfies Rebooted)

let ended: PromiseLike<void> | undefined
await cutTransfer([4, 5, 6], () => {
  ended = guest[Symbol.asyncDispose]()
})
await ended
report((await service.connectOnce()) satisfies NextClient)
