// Socket activation: sockets that a service manager listens on already (sd_listen_fds(3)), and what the kernel says of them.
import { readFileSync, readlinkSync } from 'node:fs'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { passedListeners } from '../../linux/unix-listener.js'

export interface PassedSocket {
  readonly fd: number
  /** As its maker bound it; undefined where it has no name in the file system. */
  readonly path: string | undefined
}

/** `__SO_ACCEPTCON` and `SOCK_STREAM`, as /proc/net/unix prints them. */
const isListening = 0x10000
const stream = '0001'

/** @throws QuiesceError `USAGE` if what was passed is not one listening socket for each device */
export function passedSockets(devices: readonly string[]): readonly PassedSocket[] {
  const fds = passedListeners(process.env, process.pid)
  if (fds.length > 0 && fds.length !== devices.length) {
    throw new QuiesceError('USAGE', `Cannot serve ${devices.length} devices at ${fds.length} passed sockets`, {
      hint: 'Pass one for each device, in their order',
    })
  }
  const sockets = fds.length === 0 ? '' : readFileSync('/proc/net/unix', 'utf8')
  return fds.map((fd) => ({ fd, path: describe(fd, sockets) }))
}

function describe(fd: number, sockets: string): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(readLink(fd))?.[1]
  // Num RefCount Protocol Flags Type St Inode Path
  const columns = sockets
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((each) => each[6] === inode)
  if (inode === undefined || columns?.[4] !== stream || (Number.parseInt(columns[3] ?? '', 16) & isListening) === 0) {
    throw new QuiesceError('USAGE', `Cannot use descriptor ${fd}: it is no UNIX stream socket that is listened on`, {
      hint: 'Pass one of ListenStream=, with an absolute path',
    })
  }
  const path = columns.slice(7).join(' ')
  return path.startsWith('/') ? path : undefined
}

function readLink(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}
