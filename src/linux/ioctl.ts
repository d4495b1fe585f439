import { libc } from './libc.js'
import { systemCallError } from './system-call-error.js'

/** An ioctl number and the name that the kernel's header gives it. */
export interface IoctlCommand {
  readonly name: string
  readonly request: number
}

/** A struct that the kernel reads and writes in place, or a number passed by value. */
export type IoctlArgument = Uint8Array | number | undefined

export type IoctlResult = { readonly ok: true; readonly value: number } | { readonly ok: false; readonly errno: number }

/** How an ioctl is named in errors. */
export function ioctlName(command: IoctlCommand): string {
  return `ioctl(${command.name})`
}

/** An ioctl whose failure is an expected outcome. Blocks the event loop for as long as the kernel takes. */
export function tryIoctl(fd: number, command: IoctlCommand, argument?: IoctlArgument): IoctlResult {
  const c = libc()
  // SAFETY: the kernel reads and writes at most what `argsz` or the command's struct says, inside the caller's array,
  // and keeps no pointer to it after the call, which does not return to JavaScript before it is done.
  const value =
    typeof argument === 'number'
      ? c.ioctlByValue(fd, command.request, argument)
      : c.ioctl(fd, command.request, argument ?? null)
  return value < 0 ? { ok: false, errno: c.errno() } : { ok: true, value }
}

/**
 * An ioctl that is expected to work.
 * @throws QuiesceError "Cannot `action`: ..." if it does not
 */
export function ioctl(action: string, fd: number, command: IoctlCommand, argument?: IoctlArgument): number {
  const result = tryIoctl(fd, command, argument)
  if (!result.ok) throw systemCallError({ action, syscall: ioctlName(command), errno: result.errno })
  return result.value
}
