// System calls that may sit in the kernel for a minute and more, uninterruptibly: a reset that polls for readiness, an
// open or a close that resets. They are data, so that they can be handed to another thread.
import { type BlockingFunction, libc } from './libc.js'

/** Arguments are copied: nothing that the kernel writes back into them is seen. */
export type BlockingCall =
  | {
      readonly call: 'ioctl'
      readonly fd: number
      readonly request: number
      readonly argument: Uint8Array | number | undefined
    }
  | { readonly call: 'close'; readonly fd: number }
  /** Waits for files, as `struct pollfd` lists them, or with none for the time to pass. */
  | {
      readonly call: 'poll'
      readonly entries: Uint8Array | undefined
      readonly count: number
      readonly timeoutMs: number
    }

/** What the call returned, and errno if that was negative. */
export interface BlockingCallResult {
  readonly value: number
  readonly errno: number
}

interface PreparedCall {
  here(): number
  onLibuvThread(done: (error: unknown, value: number) => void): void
}

/** The arguments of calls that have not returned. */
const underWay = new Set<readonly unknown[]>()

function prepare<A extends readonly unknown[]>(call: BlockingFunction<A>, ...args: A): PreparedCall {
  return {
    here: () => call(...args),
    // SAFETY: the set keeps the arguments' memory alive until the call has returned.
    onLibuvThread(done) {
      underWay.add(args)
      call.async(...args, (error, value) => {
        underWay.delete(args)
        done(error, value)
      })
    },
  }
}

/** Off V8's heap, where the collector does not move memory under a call on another thread. */
function unmoving(bytes: Uint8Array | undefined): Uint8Array | null {
  if (bytes === undefined) return null
  const copy = new Uint8Array(new ArrayBuffer(bytes.byteLength))
  copy.set(bytes)
  return copy
}

type Table = { readonly [K in BlockingCall['call']]: (call: Extract<BlockingCall, { call: K }>) => PreparedCall }

const table: Table = {
  ioctl: ({ fd, request, argument }) =>
    typeof argument === 'number'
      ? prepare(libc().ioctlByValue, fd, request, argument)
      : prepare(libc().ioctl, fd, request, unmoving(argument)),
  close: ({ fd }) => prepare(libc().close, fd),
  poll: ({ entries, count, timeoutMs }) => prepare(libc().poll, unmoving(entries), count, timeoutMs),
}

function lookUp(call: BlockingCall): PreparedCall {
  const entry = table[call.call] as (call: BlockingCall) => PreparedCall
  return entry(call)
}

const withErrno = (value: number): BlockingCallResult => ({ value, errno: value < 0 ? libc().errno() : 0 })

/** Makes the call on this thread. */
export function callHere(call: BlockingCall): BlockingCallResult {
  return withErrno(lookUp(call).here())
}

/** Makes the call on a thread of libuv's pool. */
export function callOnLibuvThread(call: BlockingCall): Promise<BlockingCallResult> {
  return new Promise((resolve, reject) => {
    lookUp(call).onLibuvThread((error, value) => {
      // koffi restores the call's errno around this callback.
      if (error) reject(error)
      else resolve(withErrno(value))
    })
  })
}
