// Eventfds of another process, which this one signals. Nothing is believed of a descriptor that came over a socket.
import { readlinkSync, writeSync } from 'node:fs'
import koffi from 'koffi'
import { libc } from './libc.js'
import { socketConstant } from './socket-constants.js'

const one = new Uint8Array(new BigUint64Array([1n]).buffer)
/** F_GETFL and O_NONBLOCK. */
const getFlags = 3
const nonBlocking = 0o4000

/** Whether the descriptor is an eventfd. */
export function isEventfd(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventfd]'
  } catch {
    return false
  }
}

/** Whether writing to it can block: its flags are shared with whoever made it, and are not ours to change. */
export function mayBlock(fd: number): boolean {
  // SAFETY: no pointers.
  return (libc().fcntl(fd, getFlags, 0) & nonBlocking) === 0
}

/** Adds one to the counter. Does nothing where that would block: then it is signalled as much as can be. */
export function signalEventfd(fd: number, blocks: boolean): void {
  if (blocks && !isWritable(fd)) return
  try {
    writeSync(fd, one)
  } catch {
    // EAGAIN: the counter is full.
  }
}

function isWritable(fd: number): boolean {
  const entry = new Uint8Array(8)
  const view = new DataView(entry.buffer)
  view.setInt32(0, fd, true)
  view.setInt16(4, socketConstant.POLLOUT, true)
  // SAFETY: one struct pollfd of 8 bytes, read and written before the call returns.
  return libc().poll(entry, 1, 0) > 0 && (view.getInt16(6, true) & socketConstant.POLLOUT) !== 0
}

export interface EventfdWatch {
  /** Stops watching; the descriptor stays open. */
  close(): void
}

/** Calls back from the event loop whenever somebody signals the eventfd, and takes the signals. */
export function watchEventfd(fd: number, callback: () => void): EventfdWatch {
  const counter = new BigUint64Array(1)
  return koffi.node.poll(fd, { readable: true }, () => {
    // SAFETY: an eventfd gives exactly 8 bytes, written before the call returns; it is readable, so it does not block.
    libc().read(fd, counter, 8)
    callback()
  })
}
