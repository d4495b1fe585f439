// Throws mutants at a server, over as many connections as it takes, and sees that it answers the next honest client.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { signalEventfd } from '../../src/linux/signal-eventfd.js'
import { mutant, Random } from './mutate.js'
import { openDescriptors } from './open-descriptors.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { ask, greet, type Talk } from './wire-client.js'

export interface FuzzOutcome {
  readonly messages: number
  readonly connections: number
  /** Messages that the server took for such. */
  readonly received: number
  readonly descriptorsLeft: number
}

const perConnection = 2_000
const burst = 32

/** A device whose regions notice an access outside them. */
function guardedDevice(): RecordingDevice {
  const check = (size: number) => (offset: bigint, bytes: Uint8Array) => {
    assert.ok(offset >= 0n && offset + BigInt(bytes.byteLength) <= BigInt(size), 'an access outside the region')
  }
  const device = new RecordingDevice({ 0: memoryRegion(4096, { read: check(4096), write: check(4096) }) })
  device.migration = { stop: () => {}, run: () => {}, save: () => new Uint8Array(100), load: () => {} }
  return device
}

async function drain(talk: Talk): Promise<boolean> {
  for (let idle = 0; idle < 3; ) {
    const got = talk.client.socket.receive()
    if (got.kind === 'closed') return false
    if (got.kind === 'nothing') {
      idle++
      await setImmediate()
    } else assert.deepEqual(got.fds, [])
  }
  return true
}

/** Sends mutants with `seed` until that many were sent. */
export async function fuzz(seed: number, messages: number): Promise<FuzzOutcome> {
  const random = new Random(seed)
  using memory = new SharedMemory(1n << 20n)
  using eventfd = new EventFd()
  // What signals eventfds is set up once, and stays.
  signalEventfd(eventfd.fd)
  const before = openDescriptors()
  let sent = 0
  let connections = 0
  let received = 0
  while (sent < messages) {
    const device = guardedDevice()
    // A device logs what it is asked; a million lines are of no use.
    device.log.push = () => 0
    const talk = await greet(device, { stallTimeoutMs: 10_000, capabilities: { migration: { pgsize: 4096 } } })
    talk.events.push = () => 0
    connections++
    for (let here = 0; here < perConnection && sent < messages; ) {
      for (let each = 0; each < burst; each++) {
        const bytes = mutant(random)
        if (bytes.byteLength === 0) continue
        const fds = Array.from(
          { length: random.below(10) === 0 ? random.below(20) : random.below(5) === 0 ? 1 : 0 },
          () => (random.below(2) === 0 ? memory.fd : eventfd.fd),
        )
        talk.client.socket.sendBuffer.set(bytes)
        if (talk.client.socket.send(0, bytes.byteLength, fds).kind !== 'sent') break
        here++
        sent++
      }
      if (!(await drain(talk))) break
    }
    received += talk.server.received
    await talk[Symbol.asyncDispose]()
  }
  await using talk = await greet(new RecordingDevice())
  assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
  await talk[Symbol.asyncDispose]()
  return { messages: sent, connections, received, descriptorsLeft: openDescriptors() - before }
}
