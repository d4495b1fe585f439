// The sockets of all devices, before the first device is opened: opening one resets it.
import { QuiesceError } from '../../errors/quiesce-error.js'
import { UnixListener } from '../../linux/unix-listener.js'
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

function listenAt(path: string): Place {
  try {
    const listener = UnixListener.listen(path)
    return { path, share: () => listener.share(), [Symbol.dispose]: () => listener[Symbol.dispose]() }
  } catch (error) {
    if (!(error instanceof QuiesceError) || error.hint !== undefined) throw error
    const { code, message, syscall, errno, errnoName } = error
    const details = Object.entries({ syscall, errno, errnoName, hint: hints[code] })
    throw new QuiesceError(code, message, Object.fromEntries(details.filter(([, each]) => each !== undefined)))
  }
}

/**
 * One place for each device: passed sockets where there are any and no path was given.
 * @throws QuiesceError if one cannot be had; none is left behind
 */
export function listenFor(devices: readonly string[], options: readonly string[]): readonly Place[] {
  const passed = options.length === 0 ? passedSockets(devices) : []
  if (passed.length > 0) {
    return passed.map(({ fd, path }) => ({ path, share: () => fd, [Symbol.dispose]: () => {} }))
  }
  const places: Place[] = []
  try {
    for (const path of socketPaths(devices, options)) places.push(listenAt(path))
    return places
  } catch (error) {
    for (const place of places) place[Symbol.dispose]()
    throw error
  }
}
