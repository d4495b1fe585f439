// As whole-way.ts, with a disk controller, which the innermost guest's own driver uses.
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { mark } from './mark.js'
import { startNestedGuest, vfioUserDevice } from './nested.js'
import { report } from './report.js'
import { type Disk, findDisk, keepReading, type ReadTraffic, readMs, readSome } from './whole-way-disk.js'
import { type CutTransfer, type NextClient, serveWatched } from './whole-way-service.js'

export interface WholeWayDisk {
  readonly disk: Disk
  readonly traffic: ReadTraffic
  /** Messages that reached the server during the traffic. */
  readonly messages: number
  /** The guest stood still, nobody quieted the device, and what was in flight landed. */
  readonly landedWhilePaused: boolean
}

const socket = '/tmp/nvme.sock'
const address = addressOf('nvme-slow')
bindToVfio(address)
await using service = await serveWatched(address, socket)
const { device, server } = service
const guest = await startNestedGuest({ devices: vfioUserDevice(socket), timeoutMs: 300_000 })

const disk = await findDisk(guest)
const received = server.received
const traffic = await readSome(guest, 6)
const messages = server.received - received
await keepReading(guest)
// To look takes a while too, on a software CPU: all that was in flight may have landed before.
let landedWhilePaused = false
for (let tries = 0; tries < 5 && !landedWhilePaused; tries++) {
  landedWhilePaused = await service.landsWhilePaused(guest, 2 * readMs)
}
report({ disk, traffic, messages, landedWhilePaused } satisfies WholeWayDisk)

async function cutReads(marks: readonly [number, number, number], cut: () => void): Promise<void> {
  mark(marks[0])
  await keepReading(guest)
  device.watch({ arrivalMs: 2 * readMs, marks: [marks[1], marks[2]] })
  report((await service.untilCut(cut)) satisfies CutTransfer)
}

let restarted: Promise<void> | undefined
await cutReads([1, 2, 3], () => {
  restarted = guest.restart()
})
await restarted
report((await findDisk(guest)) satisfies Disk)

let ended: PromiseLike<void> | undefined
await cutReads([4, 5, 6], () => {
  ended = guest[Symbol.asyncDispose]()
})
await ended
report((await service.connectOnce()) satisfies NextClient)
