// A server that answers as a script says, in a thread of its own: what it answers is nothing that a client can rely on.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { UnixListener } from '../../src/linux/unix-listener.js'
import type { UnixSocket } from '../../src/linux/unix-socket.js'
import { packed, type Raw, raw, u32, u64 } from '../unit/vfio-user/messages/wire.js'
import { versionPayload } from './wire-client.js'

interface Answer {
  readonly payload: readonly number[]
  readonly fds?: number
  readonly errno?: number
  /** Said before the answer. */
  readonly before?: Raw
}
type Script = Readonly<Record<number, (payload: DataView) => Answer | 'gone'>>

const region = (index: number, size: bigint, flags: number, rest: readonly number[] = []) => ({
  payload: [
    ...packed(u32(32 + rest.length), u32(flags), u32(index), u32(rest.length === 0 ? 0 : 32), u64(size), u64(0)),
    ...rest,
  ],
})
const regions: readonly bigint[] = [0x1000n, 0n, 0n, 0n, 0n, 0n, 0n, 256n, 0n]

/** A device as it should be: one BAR, config space, no interrupts. */
const honest: Script = {
  1: () => ({ payload: versionPayload('{"capabilities":{"max_msg_fds":16}}') }),
  4: () => ({ payload: packed(u32(16), u32(3), u32(9), u32(5)) }),
  5: (payload) => {
    const index = payload.getUint32(8, true)
    return region(index, regions[index] ?? 0n, 3)
  },
  7: (payload) => ({ payload: packed(u32(16), u32(0), u32(payload.getUint32(8, true)), u32(0)) }),
  9: (payload) => {
    const count = payload.getUint32(12, true)
    const head = packed(u64(payload.getBigUint64(0, true)), u32(payload.getUint32(8, true)), u32(count))
    return { payload: [...head, ...Array.from({ length: count }, () => 0)] }
  },
  10: (payload) => ({
    payload: packed(
      u64(payload.getBigUint64(0, true)),
      u32(payload.getUint32(8, true)),
      u32(payload.getUint32(12, true)),
    ),
  }),
}

const onlyOf = (index: number, answer: Answer | 'gone', command: number): Script => ({
  [command]: (payload) => (payload.getUint32(8, true) === index ? answer : (honest[command]?.(payload) ?? 'gone')),
})
/** Areas of a region that is mapped: offset and size each. */
const areas = (...pairs: readonly (readonly [bigint, bigint])[]) => [
  ...[1, 0, 1, 0, 0, 0, 0, 0],
  ...packed(u32(pairs.length), u32(0), ...pairs.flatMap((pair) => pair.map((each) => u64(each)))),
]

const access = (count: number, data: number) => (payload: DataView) => ({
  payload: [
    ...packed(u64(payload.getBigUint64(0, true)), u32(payload.getUint32(8, true)), u32(count)),
    ...Array.from({ length: data }, () => 7),
  ],
})

export const scripts = {
  honest: {},
  'a file with VERSION': { 1: () => ({ ...(honest[1]?.(new DataView(new ArrayBuffer(0))) as Answer), fds: 1 }) },
  'a file with a region of no size': onlyOf(8, { ...region(8, 0n, 7), fds: 2 }, 5),
  'files with what has none': { 4: () => ({ payload: packed(u32(16), u32(3), u32(9), u32(5)), fds: 3 }) },
  'a config space of 2^60 bytes': onlyOf(7, region(7, 1n << 60n, 3), 5),
  'a config space of one byte': onlyOf(7, region(7, 1n, 3), 5),
  'four thousand million vectors': onlyOf(2, { payload: packed(u32(16), u32(1), u32(2), u32(0xffff_ffff)) }, 7),
  'areas outside of their region': {
    5: (payload) => {
      if (payload.getUint32(8, true) !== 0) return honest[5]?.(payload) ?? 'gone'
      const { payload: whole } = region(0, 0x1000n, 15, areas([0x800n, 0x1000n], [0n, 0x800n], [(1n << 64n) - 1n, 2n]))
      const hasRoom = payload.getUint32(0, true) >= whole.length
      // Without room for them, how much they take.
      return hasRoom
        ? { payload: whole, fds: 1 }
        : { payload: [...whole.slice(0, 4), 7, ...whole.slice(5, 12), 0, 0, 0, 0, ...whole.slice(16, 32)] }
    },
  },
  'a file with a BAR, and then nothing more': {
    ...onlyOf(0, { ...region(0, 0x1000n, 7), fds: 1 }, 5),
    7: () => 'gone',
  },
  'less than was written': { 10: access(0, 0) },
  'less than was asked for': { 9: access(1, 1) },
  'more than was asked for': { 9: access(8, 8) },
  'other data than it says': { 9: access(4, 9) },
  'a wish for memory that it was not given': {
    9: (payload) => ({
      ...(honest[9]?.(payload) as Answer),
      before: { command: 11, id: 77, payload: packed(u64(0x5000), u64(64)) },
    }),
  },
  'a wish for more memory than there is': {
    9: (payload) => ({
      ...(honest[9]?.(payload) as Answer),
      before: { command: 11, id: 77, payload: packed(u64(0), u64((1n << 64n) - 1n)) },
    }),
  },
} as const satisfies Readonly<Record<string, Script>>
export type ScriptName = keyof typeof scripts

/** The errno of the last error that the client answered with. */
export class OddServer implements AsyncDisposable {
  readonly path: string
  readonly #folder: string
  readonly #worker: Worker
  lastErrno: number | undefined

  private constructor(script: ScriptName) {
    this.#folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
    this.path = join(this.#folder, 'socket')
    this.#worker = new Worker(new URL(import.meta.url), {
      workerData: { path: this.path, script },
      execArgv: [],
      trackUnmanagedFds: false,
    })
    this.#worker.on('message', (message: unknown) => {
      if (typeof message === 'number') this.lastErrno = message
    })
  }

  static async start(script: ScriptName): Promise<OddServer> {
    const server = new OddServer(script)
    await new Promise((resolve) => server.#worker.once('message', resolve))
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#worker.postMessage('end')
    await ended
    rmSync(this.#folder, { recursive: true })
  }
}

function speak(socket: UnixSocket, script: Script, memory: SharedMemory): void {
  let held = new Uint8Array(0)
  const send = (bytes: Uint8Array, fds = 0) => {
    socket.sendBuffer.set(bytes)
    socket.send(
      0,
      bytes.byteLength,
      Array.from({ length: fds }, () => memory.fd),
    )
  }
  const watch = socket.watch({ readable: true }, () => {
    const got = socket.receive()
    if (got.kind === 'closed') {
      watch.close()
      socket[Symbol.dispose]()
    }
    if (got.kind !== 'data') return
    held = Uint8Array.from([...held, ...got.bytes])
    for (;;) {
      const view = new DataView(held.buffer, held.byteOffset, held.byteLength)
      if (held.byteLength < 16 || held.byteLength < view.getUint32(4, true)) return
      const size = view.getUint32(4, true)
      const [id, command, flags] = [view.getUint16(0, true), view.getUint16(2, true), view.getUint32(8, true)]
      if ((flags & 1) === 1) parentPort?.postMessage(view.getUint32(12, true))
      else {
        const answer = (script[command] ?? honest[command])?.(new DataView(held.slice(16, size).buffer))
        if (answer === undefined || answer === 'gone') {
          watch.close()
          socket[Symbol.dispose]()
          return
        }
        if (answer.before !== undefined) send(raw(answer.before))
        send(raw({ id, command, flags: 1, payload: answer.payload }), answer.fds)
      }
      held = held.slice(size)
    }
  })
}

if (!isMainThread && typeof workerData === 'object' && workerData !== null && 'script' in workerData) {
  const { path, script } = workerData as { readonly path: string; readonly script: ScriptName }
  const memory = new SharedMemory(4096n)
  const listener = UnixListener.listen(path)
  listener.watch(() => {
    const socket = listener.accept(1 << 16)
    if (socket !== undefined) speak(socket, scripts[script], memory)
  })
  parentPort?.on('message', () => {
    listener[Symbol.dispose]()
    process.exit()
  })
  parentPort?.postMessage('listening')
}
