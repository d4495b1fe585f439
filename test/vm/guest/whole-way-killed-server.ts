// The whole way, with a server that ends by SIGKILL in the middle of a DMA, and its client right after it. Nobody of ours is there
// to quiet the device: the kernel does, when the last of the two has ended.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf } from './addresses.js'
import { MappedFile } from './assigned/mapped-file.js'
import { bindToVfio, sysfsFolder } from './binding.js'
import { EduDriver, transferMs } from './edu-driver.js'
import { mark } from './mark.js'
import { startNestedGuest, vfioUserDevice } from './nested.js'
import { report } from './report.js'
import { innerPlace, knownMemory, prepareTransfer, startTransfer, target } from './whole-way-edu.js'

interface Ended {
  readonly signal: string | null
  /** From the server's end to the end of its client. */
  readonly betweenMs: number
  /** While the client still had what the server had passed to it. */
  readonly commandAfterServer: number
  readonly commandAfterClient: number
  /** The last transfer was begun before the kernel took Bus Master away, and was not over by then. */
  readonly wasInFlight: boolean
  readonly transfers: number
  /** How many of those before it reached memory. */
  readonly landed: number
  readonly intactLater: boolean
}

export interface KilledServer extends Ended {
  /** In the trace: before it all, and after. */
  readonly marks: readonly [number, number]
  /** Of the device when it was opened anew. */
  readonly commandOfNext: number
  readonly identificationOfNext: number
}

const socket = '/tmp/edu.sock'
const register = { identification: 0n, command: 0x98n } as const
const busMaster = 4
/** Each has a system call or more in it. */
const mostTurns = 500_000
const before = 0x11
const after = 0x22
const address = addressOf('edu-root')
bindToVfio(address)

/** The page that the transfers go to, by the file behind the memory of the guest of the guest: below 4 GiB it starts at address 0. */
class TargetPage implements Disposable {
  readonly #file = openGuestMemory()

  fill(value: number): void {
    writeSync(this.#file, new Uint8Array(4096).fill(value), 0, 4096, target)
  }

  isFilledWith(value: number): boolean {
    const bytes = new Uint8Array(4096)
    readSync(this.#file, bytes, 0, bytes.length, target)
    return bytes.every((byte) => byte === value)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }
}

function openGuestMemory(): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('memory-backend-memfd')) continue
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`
      if (readlinkSync(path).startsWith('/memfd:memory-backend-memfd')) return openSync(path, 'r+')
    }
  }
  throw new Error('Cannot find the memory of the guest')
}

function readCommand(): number {
  const file = openSync(`${sysfsFolder(address)}/config`, 'r')
  try {
    const bytes = new Uint8Array(2)
    readSync(file, bytes, 0, 2, 4)
    return new DataView(bytes.buffer).getUint16(0, true)
  } finally {
    closeSync(file)
  }
}

/** One transfer after the other, by the BAR as sysfs shows it, until the kernel has taken Bus Master away because of what `end` did. */
async function keepBusyUntil(
  page: TargetPage,
  end: () => PromiseLike<void>,
): Promise<Pick<Ended, 'wasInFlight' | 'transfers' | 'landed'>> {
  const file = openSync(`${sysfsFolder(address)}/resource0`, 'r+')
  using bar = new MappedFile(file, 0n, 4096n)
  closeSync(file)
  const identification = bar.read(register.identification, 4)
  const isTransferring = () => (bar.read(register.command, 4) & 1n) !== 0n
  const isMaster = () => (readCommand() & busMaster) !== 0
  let transfers = 0
  let landed = 0
  let begunAsMaster = false
  const ended = end()
  // Counted, not timed: who keeps a software CPU busy with a device can keep QEMU from its timers, and so a clock from going on.
  let turns = 0
  while (isMaster() && turns++ < mostTurns) {
    if (isTransferring()) continue
    if (!page.isFilledWith(before)) landed++
    page.fill(before)
    // From the device's buffer to memory; source, destination and count stand.
    bar.write(register.command, 4, 3n)
    transfers++
    begunAsMaster = isMaster()
  }
  // The kernel tries a reset too, and meanwhile the device does not decode.
  while (bar.read(register.identification, 4) !== identification && turns++ < mostTurns);
  // Where it is over by now, it was cut off if nothing landed: those before it did land.
  const wasInFlight = begunAsMaster && !isMaster() && (isTransferring() || page.isFilledWith(before))
  await ended
  return { wasInFlight, transfers, landed }
}

/** The next of the server's events; an error if none comes. */
const heard = (server: ChildProcess, event: 'message' | 'exit') =>
  once(server, event, { signal: AbortSignal.timeout(200_000) })

async function startServer(): Promise<ChildProcess> {
  const server = fork(fileURLToPath(new URL('./whole-way-server.js', import.meta.url)), [address, socket])
  await heard(server, 'message')
  return server
}

/** All of it, with marks from `first` on. */
async function killBoth(first: number): Promise<Ended> {
  const server = await startServer()
  const guest = await startNestedGuest({
    devices: vfioUserDevice(socket, innerPlace),
    append: knownMemory,
    timeoutMs: 200_000,
  })
  console.error('the guest runs')
  await prepareTransfer(guest)
  using page = new TargetPage()
  page.fill(before)
  server.send('die in the next transfer')
  await heard(server, 'message')
  const ended = heard(server, 'exit')
  mark(first)
  await startTransfer(guest, () => server.signalCode !== null)
  const [, signal] = (await ended) as [number | null, string | null]
  const endedAt = performance.now()
  console.error('the server has ended')
  const commandAfterServer = readCommand()
  const work = await keepBusyUntil(page, () => guest[Symbol.asyncDispose]())
  console.error(`the client has ended, ${work.transfers} transfers later`)
  const betweenMs = performance.now() - endedAt
  const commandAfterClient = readCommand()
  mark(first + 1)
  // Now it is somebody else's.
  page.fill(after)
  await wait(4 * transferMs)
  const intactLater = page.isFilledWith(after)
  mark(first + 2)
  return { signal, betweenMs, commandAfterServer, commandAfterClient, ...work, intactLater }
}

// The kernel may be at other work of the client's end for longer than a transfer takes, and we do not run meanwhile: then the
// last one is over before the kernel comes to the device, and this has shown nothing. Seen in a quarter of the tries on a busy host.
let first = 1
let found = await killBoth(first)
while (!found.wasInFlight && first < 16) {
  first += 3
  found = await killBoth(first)
}

using ownership = new VfioOwnership()
using next = await openVfioFunction(address, ownership)
const commandOfNext = next.config.read(4, 2)
const edu = new EduDriver(next)
edu.enable()
report({
  ...found,
  marks: [first, first + 2],
  commandOfNext,
  identificationOfNext: edu.identification,
} satisfies KilledServer)
