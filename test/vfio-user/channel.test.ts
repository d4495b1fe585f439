import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { UnixSocket } from '../../src/linux/unix-socket.js'
import type { Request } from '../../src/vfio-user/messages/message.js'
import { Channel, type ChannelOptions } from '../../src/vfio-user/transport/channel.js'
import { packed, raw, terms, u32, u64 } from '../unit/vfio-user/messages/wire.js'
import { openDescriptors } from './open-descriptors.js'
import { until } from './until.js'
import { ask, WireClient } from './wire-client.js'

const sendSize = (1 << 20) + 4096

interface End extends Disposable {
  readonly channel: Channel
  readonly closed: string[]
}

function open(socket: UnixSocket, options: Partial<ChannelOptions> = {}): End {
  const closed: string[] = []
  const channel = new Channel(socket, {
    side: 'server',
    stallTimeoutMs: 10_000,
    onRequest: () => {},
    onClosed: (reason) => closed.push(reason),
    ...options,
  })
  channel.agree({ ...terms, maxDataTransfer: 1 << 20 })
  return { channel, closed, [Symbol.dispose]: () => channel.close('the test is over') }
}

/** A channel, and whoever is at its other end, who says anything. */
function wire(options: Partial<ChannelOptions> = {}): End & { readonly client: WireClient } {
  const [ours, theirs] = UnixSocket.pair(sendSize)
  const client = new WireClient(ours)
  const end = open(theirs, options)
  return {
    ...end,
    client,
    [Symbol.dispose]() {
      end[Symbol.dispose]()
      client[Symbol.dispose]()
    },
  }
}

const readReply = (id: number, address: bigint, value: number) =>
  raw({ id, command: 11, flags: 1, payload: packed(u64(address), u64(4), u32(value)) })

describe('a channel', () => {
  it('a reply keeps its data when the next message comes', async () => {
    using end = wire()
    const reading = end.channel.call('DMA_READ', { address: 0n, count: 4n }, { timeoutMs: 5_000 })
    const asked = await end.client.receive()
    end.client.send(readReply(asked?.id ?? 0, 0n, 0x1111_1111))
    const outcome = await reading
    end.client.send(readReply(99, 0n, 0x2222_2222))
    await until(() => end.channel.received === 2, 'the second message did not come')
    assert.ok(outcome.ok)
    assert.deepEqual([...outcome.payload.data], [0x11, 0x11, 0x11, 0x11])
  })
  it('descriptors of a reply that has none are closed', async () => {
    using memory = new SharedMemory(4096n)
    using end = wire()
    const before = openDescriptors()
    const reading = end.channel.call('DMA_READ', { address: 0n, count: 4n }, { timeoutMs: 5_000 })
    const asked = await end.client.receive()
    end.client.send(readReply(asked?.id ?? 0, 0n, 1), [memory.fd, memory.fd])
    assert.equal((await reading).ok, true)
    assert.equal(openDescriptors(), before)
  })
  it('two sides that both send more than fits do not wait for each other', async () => {
    const [one, other] = UnixSocket.pair(sendSize)
    const size = 1 << 20
    const data = new Uint8Array(size)
    using client: End = open(one, {
      side: 'client',
      onRequest: (request: Request) => {
        const { id } = request
        if (request.command === 'DMA_READ') {
          const { address, count } = request.payload
          client.channel.send({ kind: 'reply', id, command: 'DMA_READ', fds: 0, payload: { address, count, data } })
        } else if (request.command === 'DMA_WRITE') {
          const { address, count } = request.payload
          client.channel.send({ kind: 'reply', id, command: 'DMA_WRITE', fds: 0, payload: { address, count } })
        }
      },
    })
    using server = open(other)
    const count = BigInt(size)
    const options = { timeoutMs: 5_000 }
    const calls = Array.from({ length: 4 }, (_, each) => {
      const address = BigInt(each) * count
      return [
        server.channel.call('DMA_READ', { address, count }, options),
        server.channel.call('DMA_WRITE', { address, count, data }, options),
      ]
    })
    for (const outcome of await Promise.all(calls.flat())) assert.equal(outcome.ok, true)
  })
  it('replies to requests that waited do not pile up', async () => {
    let finish = (): void => {}
    let answered = 0
    using end = wire({
      onRequest: ({ id, command }): void | Promise<void> => {
        if (command === 'DEVICE_RESET') {
          return new Promise((resolve) => {
            finish = resolve
          })
        }
        answered++
        const payload = { offset: 0n, region: 0, count: 1 << 20, data: new Uint8Array(1 << 20) }
        end.channel.send({ kind: 'reply', id, command: 'REGION_READ', fds: 0, payload })
      },
    })
    end.client.send(raw({ id: 1, ...ask.reset }))
    for (let id = 2; id < 502; id++) {
      end.client.send(raw({ id, ...ask.read(0, 0n, 1 << 20) }))
      while (end.channel.received < id) await setImmediate()
    }
    finish()
    await setTimeout(20)
    assert.ok(answered < 4, `${answered} replies of a mebibyte each were made, and nobody reads them`)
    for (let id = 2; id < 6; id++) assert.equal((await end.client.receive())?.id, id, 'in their order')
  })
  it('sees the reply behind a flood of requests that came with it', async () => {
    let served = 0
    const [ours, theirs] = UnixSocket.pair(sendSize)
    using client = new WireClient(ours)
    using end = open(theirs, { side: 'client', onRequest: () => void served++ })
    const write = (id: number) => raw({ id, command: 12, flags: 0x10, payload: [...packed(u64(0), u64(1)), 1] })
    // The call will have number 0.
    const reply = raw({ id: 0, command: 13, flags: 1 })
    client.send(Uint8Array.from([...Array.from({ length: 1000 }, (_, id) => [...write(id)]).flat(), ...reply]))
    const outcome = end.channel.callNow('DEVICE_RESET', {}, { timeoutMs: 1_000 })
    assert.equal(outcome.ok, true)
    assert.equal(served, 1000)
  })
  it('descriptors of a message that has to wait for room go with it, once', async () => {
    using memory = new SharedMemory(4096n)
    using end = wire()
    const before = openDescriptors()
    const big = { offset: 0n, region: 0, count: 1 << 20, data: new Uint8Array(1 << 20) }
    end.channel.send({ kind: 'reply', id: 1, command: 'REGION_READ', fds: 0, payload: big })
    const info = {
      argsz: 32,
      flags: 0,
      index: 0,
      cap_offset: 0,
      size: 4096n,
      offset: 0n,
      capabilities: new Uint8Array(0),
    }
    end.channel.send({ kind: 'reply', id: 2, command: 'DEVICE_GET_REGION_INFO', fds: 1, payload: info }, [memory.fd])
    end.channel.send({ kind: 'reply', id: 3, command: 'REGION_READ', fds: 0, payload: big })
    const fds: number[] = []
    for (let id = 1; id < 4; id++) {
      const reply = await end.client.receive()
      assert.equal(reply?.id, id)
      fds.push(...(reply?.fds ?? []))
    }
    assert.equal(fds.length, 1)
    for (const fd of fds) closeSync(fd)
    assert.equal(openDescriptors(), before)
  })
  it('a message in many pieces with descriptors brings them once', async () => {
    using memory = new SharedMemory(4096n)
    using end = wire()
    const payload = {
      argsz: (1 << 20) - 64,
      flags: 8,
      index: 0,
      cap_offset: 0,
      size: 4096n,
      offset: 0n,
      capabilities: new Uint8Array(1 << 19),
    }
    end.channel.send({ kind: 'reply', id: 1, command: 'DEVICE_GET_REGION_INFO', fds: 1, payload }, [memory.fd])
    const reply = await end.client.receive()
    assert.equal(reply?.payload.byteLength, 32 + (1 << 19))
    assert.equal(reply?.fds.length, 1)
    for (const fd of reply?.fds ?? []) closeSync(fd)
  })
  it('the other side is not hung where it is this side that does not read', async () => {
    let finish = (): void => {}
    using end = wire({
      stallTimeoutMs: 50,
      onRequest: ({ command }): void | Promise<void> => {
        if (command !== 'DEVICE_RESET') return undefined
        return new Promise((resolve) => {
          finish = resolve
        })
      },
    })
    const { socket } = end.client
    const message = raw({
      id: 2,
      ...ask.write(
        0,
        0n,
        Array.from({ length: 65_000 }, () => 7),
      ),
      flags: 0x10,
    })
    end.client.send(raw({ id: 1, ...ask.reset }))
    let at = 0
    for (let full = 0; full < 20; ) {
      socket.sendBuffer.set(message.subarray(at))
      const sent = socket.send(0, message.byteLength - at)
      assert.notEqual(sent.kind, 'closed')
      if (sent.kind === 'sent') {
        at = (at + sent.bytes) % message.byteLength
        full = 0
      } else {
        full++
        await setTimeout(1)
      }
    }
    assert.ok(end.channel.received > 50, 'it was read from until there was no room')
    await setTimeout(200)
    assert.deepEqual(end.closed, [])
    finish()
  })
})
