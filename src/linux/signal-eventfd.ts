// Eventfds that another process holds too. They are signalled and read without ever blocking, whatever they are set to:
// whether they block is a flag of the open file, which the other process can change at any moment, and it can fill or
// empty the counter between a look and an access.
import { openSync, readlinkSync } from 'node:fs'
import { type AioCalls, aioConstant, IoControlBlock, IoEvent, loadAioCalls } from './aio.js'
import { AnonymousMemory } from './anonymous-memory.js'
import { type DescriptorWatch, watchDescriptor } from './descriptor-watch.js'
import { errnoName } from './errno.js'
import { libc } from './libc.js'
import { IoVector } from './message-buffers.js'
import { socketConstant } from './socket-constants.js'

const one = new BigUint64Array([1n])

/** Whether the descriptor is an eventfd. Asks no file system: another process may be behind it, and not answer. */
export function isEventfd(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventfd]'
  } catch {
    return false
  }
}

/** Signals that are asked of the kernel before their completions are taken from its ring. */
const batch = 32
const blockAt = 0
const blockPointerAt = 64
const contextAt = 72
const vectorAt = 80
const counterAt = 96
const eventsAt = 128

/** What the kernel reads and writes, of this thread. */
class EventfdCalls {
  readonly #memory = new AnonymousMemory(eventsAt + batch * IoEvent.size)
  readonly #view: DataView
  readonly #calls: AioCalls = loadAioCalls()
  /** Undefined where there is no asynchronous I/O. */
  readonly #context: bigint | undefined
  #completed = 0

  constructor() {
    const { bytes, address } = this.#memory
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    IoVector.encode({ iov_base: address + BigInt(counterAt), iov_len: 8n }, bytes, vectorAt)
    this.#view.setBigUint64(blockPointerAt, address + BigInt(blockAt), true)
    this.#context = this.#open()
  }

  /** A read of nothing, whose completion signals. */
  #open(): bigint | undefined {
    const { bytes, address } = this.#memory
    try {
      const aio_fildes = openSync('/dev/null', 'r')
      const { IOCB_CMD_PREAD, IOCB_FLAG_RESFD } = aioConstant
      IoControlBlock.encode({ aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes, aio_flags: IOCB_FLAG_RESFD }, bytes, blockAt)
    } catch {
      return undefined
    }
    // SAFETY: the kernel writes the context's number into memory of ours before the call returns.
    if (this.#calls.setup(batch, address + BigInt(contextAt)) !== 0) return undefined
    const context = this.#view.getBigUint64(contextAt, true)
    // SAFETY: the context is ours, and nothing is under way in it: a read of nothing is complete when it is submitted.
    process.once('exit', () => this.#calls.destroy(context))
    return context
  }

  signal(fd: number): void {
    if (this.#context === undefined) {
      signalByWrite(fd)
      return
    }
    if (this.#completed === batch) {
      // SAFETY: the kernel writes at most `batch` events, for which there is room.
      this.#calls.getEvents(this.#context, 0, batch, this.#memory.address + BigInt(eventsAt))
      this.#completed = 0
    }
    this.#view.setUint32(blockAt + IoControlBlock.offsets.aio_resfd, fd, true)
    // SAFETY: one pointer to one block, both in memory of ours; the read that it asks for is of no bytes.
    const submitted = this.#calls.submit(this.#context, 1, this.#memory.address + BigInt(blockPointerAt))
    if (submitted === 1) this.#completed++
  }

  take(fd: number): bigint {
    const vector = this.#memory.address + BigInt(vectorAt)
    // SAFETY: an eventfd gives exactly 8 bytes, into memory of ours, before the call returns.
    const count = this.#calls.preadv2(fd, vector, 1, aioConstant.RWF_NOWAIT)
    if (count === 8) return this.#view.getBigUint64(counterAt, true)
    return errnoName(libc().errno()) === 'EAGAIN' ? 0n : takeByRead(fd)
  }
}

let loaded: EventfdCalls | undefined

function calls(): EventfdCalls {
  loaded ??= new EventfdCalls()
  return loaded
}

/**
 * Adds one to the counter. A counter that is full stays so: it is signalled as much as can be. Never blocks; without the
 * kernel's asynchronous I/O (CONFIG_AIO) only if nobody fills the counter in that very moment.
 */
export function signalEventfd(fd: number): void {
  calls().signal(fd)
}

/** The counter, which is 0 from now on; 0 where nobody signalled. Never blocks from Linux 5.8 on. */
export function takeEventfd(fd: number): bigint {
  return calls().take(fd)
}

function signalByWrite(fd: number): void {
  if (!isReady(fd, socketConstant.POLLOUT)) return
  // SAFETY: the kernel reads 8 bytes before the call returns.
  libc().write(fd, one, 8)
}

/** For kernels whose eventfds know no RWF_NOWAIT. */
function takeByRead(fd: number): bigint {
  if (!isReady(fd, socketConstant.POLLIN)) return 0n
  const counter = new BigUint64Array(1)
  // SAFETY: an eventfd gives exactly 8 bytes, written before the call returns.
  return Number(libc().read(fd, counter, 8)) === 8 ? (counter[0] ?? 0n) : 0n
}

function isReady(fd: number, event: number): boolean {
  const entry = new Uint8Array(8)
  const view = new DataView(entry.buffer)
  view.setInt32(0, fd, true)
  view.setInt16(4, event, true)
  // SAFETY: one struct pollfd of 8 bytes, read and written before the call returns.
  return libc().poll(entry, 1, 0) > 0 && (view.getInt16(6, true) & event) !== 0
}

/** Calls back from the event loop whenever somebody signals the eventfd, and takes the signals. */
export function watchEventfd(fd: number, callback: () => void): DescriptorWatch {
  return watchDescriptor(fd, { readable: true }, () => {
    if (takeEventfd(fd) > 0n) callback()
  })
}
