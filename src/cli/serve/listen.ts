// The sockets of all devices, before the first device is opened: opening one resets it.
import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { assertListenable, lookAtSocket, type SocketAccess, UnixListener } from '../../linux/unix-listener.js'
import { passedSockets } from './passed-sockets.js'
import { socketPaths } from './socket-paths.js'

export interface Place extends Disposable {
  /** Undefined where it was passed without a name. */
  readonly path: string | undefined
  /** A descriptor of the socket for the device's thread, which takes it over. */
  share(): number
}

const hints: Partial<Record<QuiesceError['code'], string>> = {
  BUSY: 'Choose another path, or end what is there first; nothing is overwritten',
  PERMISSION: 'Choose a directory that this user may write to',
  SYSTEM: 'Choose a path in a directory of an ordinary file system, for example below /run',
}

/** With what can be done about it. */
function explained<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof QuiesceError) || error.hint !== undefined) throw error
    const { code, message, syscall, errno, errnoName } = error
    const details = Object.entries({ syscall, errno, errnoName, hint: hints[code] })
    throw new QuiesceError(code, message, Object.fromEntries(details.filter(([, each]) => each !== undefined)))
  }
}

function listenAt(path: string, access: SocketAccess): Place {
  const listener = explained(() => UnixListener.listen(path, access))
  return { path, share: () => listener.share(), [Symbol.dispose]: () => listener[Symbol.dispose]() }
}

/** The file is for whoever runs the VMM; where that may be several, who connects is looked at. */
function accessFor(users: readonly number[]): SocketAccess {
  // Root opens what it likes, and this user's is what it makes.
  const [owner, ...others] = users.filter((user) => user !== 0 && user !== process.geteuid?.())
  if (owner === undefined) return {}
  return others.length === 0 ? { owner } : { isOpen: true }
}

/**
 * One place for each device: passed sockets where there are any and no path was given. `users` may connect, too, by number.
 * @throws QuiesceError if one cannot be had; none is left behind
 */
export function listenFor(
  devices: readonly string[],
  options: readonly string[],
  users: readonly number[],
): readonly Place[] {
  const passed = options.length === 0 ? passedSockets(devices) : []
  if (passed.length > 0) {
    return passed.map(({ fd, path }) => ({ path, share: () => fd, [Symbol.dispose]: () => {} }))
  }
  const places: Place[] = []
  try {
    for (const path of socketPaths(devices, options)) places.push(listenAt(path, accessFor(users)))
    return places
  } catch (error) {
    for (const place of places) place[Symbol.dispose]()
    throw error
  }
}

export interface PlannedPlace {
  readonly socket: string | undefined
  /** A socket that a process left behind is there. */
  readonly replaces: boolean
}

/** As `listenFor`, as far as that can be told without changing anything. */
export function planFor(devices: readonly string[], options: readonly string[]): readonly PlannedPlace[] {
  const passed = options.length === 0 ? passedSockets(devices) : []
  if (passed.length > 0) return passed.map(({ path }) => ({ socket: path, replaces: false }))
  return socketPaths(devices, options).map((path) => {
    const place = explained(() => {
      const found = lookAtSocket(path)
      assertListenable(path, found)
      assertWritable(path)
      return found
    })
    return { socket: path, replaces: place === 'stale' }
  })
}

/** Making a socket, and removing one, writes to its directory. */
function assertWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
  } catch {
    throw new QuiesceError('PERMISSION', `Cannot listen on ${path}: this user may not write to ${dirname(path)}`)
  }
}
