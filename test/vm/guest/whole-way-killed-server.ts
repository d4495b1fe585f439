// The whole way, with a server that ends by SIGKILL in the middle of a DMA, and its client right after it. Nobody of ours is there
// to quiet the device: the kernel does, when the last of the two has ended.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FileBytes } from '../../../src/linux/file-bytes.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf } from './addresses.js'
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
  /** A transfer was in flight when the device stopped to decode, and how many had been begun by then. */
  readonly wasInFlight: boolean
  readonly transfers: number
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
/** Of edu, by words of 4 bytes. */
const commandRegister = 0x98 / 4
const before = 0x11
const after = 0x22
const address = addressOf('edu-root')
bindToVfio(address)

/** The file behind the memory of the guest of the guest; below 4 GiB it starts at address 0. */
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

/** One transfer after the other, by the BAR as sysfs shows it, until the device decodes no more because of what `end` did. */
async function keepBusyUntil(end: () => PromiseLike<void>): Promise<{ wasInFlight: boolean; transfers: number }> {
  const file = openSync(`${sysfsFolder(address)}/resource0`, 'r+')
  using bar = new FileBytes(file, 0n, 4096n, 'read-write')
  closeSync(file)
  const { buffer, byteOffset } = bar.view(0n, 4096)
  const registers = new Uint32Array(buffer, byteOffset, 1024)
  const identification = registers[0]
  let transfers = 0
  let startedAt = -Infinity
  const ended = end()
  const deadline = performance.now() + 60_000
  while (registers[0] === identification && performance.now() < deadline) {
    if (((registers[commandRegister] ?? 0) & 1) !== 0) continue
    // From the device's buffer to memory; source, destination and count stand.
    registers[commandRegister] = 3
    startedAt = performance.now()
    transfers++
  }
  const wasInFlight = registers[0] !== identification && performance.now() - startedAt < transferMs
  await ended
  return { wasInFlight, transfers }
}

async function startServer(): Promise<ChildProcess> {
  const server = fork(fileURLToPath(new URL('./whole-way-server.js', import.meta.url)), [address, socket])
  await once(server, 'message')
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
  await prepareTransfer(guest)
  const memory = openGuestMemory()
  const fill = (value: number) => writeSync(memory, new Uint8Array(4096).fill(value), 0, 4096, target)
  const isFilledWith = (value: number) => {
    const bytes = new Uint8Array(4096)
    readSync(memory, bytes, 0, bytes.length, target)
    return bytes.every((byte) => byte === value)
  }
  fill(before)
  server.send('die in the next transfer')
  await once(server, 'message')
  const ended = once(server, 'exit')
  mark(first)
  startTransfer(guest)
  const [, signal] = (await ended) as [number | null, string | null]
  const endedAt = performance.now()
  const commandAfterServer = readCommand()
  const { wasInFlight, transfers } = await keepBusyUntil(() => guest[Symbol.asyncDispose]())
  const betweenMs = performance.now() - endedAt
  const commandAfterClient = readCommand()
  mark(first + 1)
  // Now it is somebody else's.
  fill(after)
  await wait(4 * transferMs)
  const intactLater = isFilledWith(after)
  mark(first + 2)
  closeSync(memory)
  return { signal, betweenMs, commandAfterServer, commandAfterClient, wasInFlight, transfers, intactLater }
}

// On a busy host the last transfer may be over before the kernel comes to the device: then this has shown nothing.
let first = 1
let found = await killBoth(first)
while (!found.wasInFlight && first < 7) {
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
