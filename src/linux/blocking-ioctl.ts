import { runBlockingCall } from './blocking-call-pool.js'
import type { FileDescriptor } from './file-descriptor.js'
import type { IoctlArgument, IoctlCommand, IoctlResult } from './ioctl.js'

/**
 * An ioctl that may block for a minute and more, off the event loop. Its argument is copied: input only.
 *
 * The call holds a descriptor of its own, so that closing `file` meanwhile cannot make the kernel act on whatever file
 * gets its number next.
 */
export async function blockingIoctl(
  file: FileDescriptor,
  command: IoctlCommand,
  argument?: IoctlArgument,
): Promise<IoctlResult> {
  const own = file.duplicate()
  try {
    const result = await runBlockingCall({ call: 'ioctl', fd: own.fd, request: command.request, argument })
    return result.value < 0 ? { ok: false, errno: result.errno } : { ok: true, value: result.value }
  } finally {
    // Only the last close can block.
    if (file.isOpen) own[Symbol.dispose]()
    else await closeBlocking(own)
  }
}

/** Closes a file whose last close may block, off the event loop. */
export async function closeBlocking(file: FileDescriptor): Promise<void> {
  if (file.isOpen) await runBlockingCall({ call: 'close', fd: file.release() })
}
