// A client that sends bytes and sees bytes, so that a test can say anything to a server, and a server that it talks to.
import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { UnixSocket } from '../../src/linux/unix-socket.js'
import { DeviceServer, type DeviceServerOptions } from '../../src/vfio-user/server/device-server.js'
import type { ServedDevice } from '../../src/vfio-user/server/served-device.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { packed, type Raw, raw, u16, u32, u64 } from '../unit/vfio-user/messages/wire.js'

export interface Reply {
  readonly id: number
  readonly command: number
  readonly flags: number
  readonly errno: number
  readonly payload: Uint8Array
  readonly fds: readonly number[]
}

const replyType = 1
const errorFlag = 0x20
const patience = 5_000

export class WireClient implements Disposable {
  readonly socket: UnixSocket
  #held = new Uint8Array(0)
  #fds: number[] = []
  #id = 0
  isClosed = false

  constructor(socket: UnixSocket) {
    this.socket = socket
  }

  send(bytes: Uint8Array, fds: readonly number[] = []): void {
    this.socket.sendBuffer.set(bytes)
    const sent = this.socket.send(0, bytes.byteLength, fds)
    assert.deepEqual(sent, { kind: 'sent', bytes: bytes.byteLength })
  }

  /** The next message, or `undefined` once the server has closed. */
  async receive(): Promise<Reply | undefined> {
    const end = performance.now() + patience
    for (;;) {
      if (this.#held.byteLength >= 16) {
        const view = new DataView(this.#held.buffer, this.#held.byteOffset)
        const size = view.getUint32(4, true)
        if (this.#held.byteLength >= size) {
          const payload = this.#held.slice(16, size)
          const [id, command] = [view.getUint16(0, true), view.getUint16(2, true)]
          const [flags, errno] = [view.getUint32(8, true), view.getUint32(12, true)]
          this.#held = this.#held.slice(size)
          const fds = this.#fds
          this.#fds = []
          return { id, command, flags, errno, payload, fds }
        }
      }
      const got = this.socket.receive()
      if (got.kind === 'closed') {
        this.isClosed = true
        return undefined
      }
      if (got.kind === 'data') {
        this.#held = Uint8Array.from([...this.#held, ...got.bytes])
        this.#fds.push(...got.fds)
      } else await setImmediate()
      assert.ok(performance.now() < end, 'no answer')
    }
  }

  /** Asks and returns the reply, which answers what was asked. */
  async ask(message: Raw, fds: readonly number[] = []): Promise<Reply> {
    const id = this.#id++ & 0xffff
    this.send(raw({ ...message, id }), fds)
    const reply = await this.receive()
    assert.ok(reply !== undefined, 'the server closed the connection')
    assert.equal(reply.id, id)
    assert.equal(reply.command, message.command)
    assert.equal(reply.flags & 0xf, replyType)
    return reply
  }

  /** The errno of the answer; 0 where there is none. */
  async errno(message: Raw, fds: readonly number[] = []): Promise<number> {
    const reply = await this.ask(message, fds)
    if ((reply.flags & errorFlag) === 0) {
      assert.equal(reply.errno, 0)
      for (const fd of reply.fds) closeSync(fd)
      return 0
    }
    assert.equal(reply.payload.byteLength, 0)
    assert.notEqual(reply.errno, 0)
    return reply.errno
  }

  async payload(message: Raw, fds: readonly number[] = []): Promise<DataView> {
    const reply = await this.ask(message, fds)
    assert.equal(reply.errno, 0)
    for (const fd of reply.fds) closeSync(fd)
    return new DataView(reply.payload.buffer, reply.payload.byteOffset, reply.payload.byteLength)
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]()
  }
}

const offer = { max_msg_fds: 16, max_data_xfer_size: 1 << 20, pgsizes: 4096, write_multiple: true }

/** The payload of a VERSION with this JSON, and its NUL. */
export function versionPayload(json: string | undefined, major = 0, minor = 0): number[] {
  const text = json === undefined ? [] : [...new TextEncoder().encode(json), 0]
  return [...packed(u16(major), u16(minor)), ...text]
}

export interface Talk extends AsyncDisposable {
  readonly client: WireClient
  readonly server: DeviceServer
  readonly events: ServerEvent[]
}

/** A client and a server that are connected; nothing was said. */
export function meet(device: ServedDevice, options: DeviceServerOptions = {}): Talk {
  const events: ServerEvent[] = []
  const server = new DeviceServer(device, { ...options, onEvent: (event) => events.push(event) })
  const [ours, theirs] = UnixSocket.pair(2 << 20)
  server.serve(theirs)
  const client = new WireClient(ours)
  return {
    client,
    server,
    events,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      await server.close()
    },
  }
}

/** A client and a server that have agreed. */
export async function greet(
  device: ServedDevice,
  { capabilities = {}, ...options }: DeviceServerOptions & { readonly capabilities?: object } = {},
): Promise<Talk> {
  const talk = meet(device, options)
  const json = JSON.stringify({ capabilities: { ...offer, ...capabilities } })
  await talk.client.payload({ command: 1, payload: versionPayload(json) })
  return talk
}

export const ask = {
  map: (address: bigint, size: bigint, flags = 3, offset = 0n, argsz = 32) => ({
    command: 2,
    payload: packed(u32(argsz), u32(flags), u64(offset), u64(address), u64(size)),
  }),
  unmap: (address: bigint, size: bigint, flags = 0, argsz = 24, rest: readonly number[] = []) => ({
    command: 3,
    payload: [...packed(u32(argsz), u32(flags), u64(address), u64(size)), ...rest],
  }),
  deviceInfo: (argsz = 16) => ({ command: 4, payload: packed(u32(argsz), u32(0), u32(0), u32(0)) }),
  regionInfo: (index: number, argsz = 32) => ({
    command: 5,
    payload: packed(u32(argsz), u32(0), u32(index), u32(0), u64(0), u64(0)),
  }),
  ioFds: (index: number, argsz = 16, flags = 0, count = 0) => ({
    command: 6,
    payload: packed(u32(argsz), u32(flags), u32(index), u32(count)),
  }),
  irqInfo: (index: number, argsz = 16) => ({ command: 7, payload: packed(u32(argsz), u32(0), u32(index), u32(0)) }),
  setIrqs: (index: number, flags: number, start: number, count: number, rest: readonly number[] = [], argsz = 20) => ({
    command: 8,
    payload: [...packed(u32(argsz), u32(flags), u32(index), u32(start), u32(count)), ...rest],
  }),
  read: (region: number, offset: bigint, count: number) => ({
    command: 9,
    payload: packed(u64(offset), u32(region), u32(count)),
  }),
  write: (region: number, offset: bigint, data: readonly number[], count = data.length) => ({
    command: 10,
    payload: [...packed(u64(offset), u32(region), u32(count)), ...data],
  }),
  reset: { command: 13 },
  feature: (flags: number, data: readonly number[] = [], argsz = 8 + data.length) => ({
    command: 16,
    payload: [...packed(u32(argsz), u32(flags)), ...data],
  }),
  migrationRead: (size: number, argsz = 8 + size) => ({ command: 17, payload: packed(u32(argsz), u32(size)) }),
  migrationWrite: (data: readonly number[], size = data.length, argsz = 8 + size) => ({
    command: 18,
    payload: [...packed(u32(argsz), u32(size)), ...data],
  }),
} as const

export const irqFlags = { none: 1, bool: 2, eventfd: 4, mask: 8, unmask: 16, trigger: 32 } as const
export const errnoOf = { ok: 0, EPERM: 1, ENOENT: 2, EIO: 5, EEXIST: 17, EINVAL: 22, ENOSPC: 28, ENOTSUP: 95 } as const
