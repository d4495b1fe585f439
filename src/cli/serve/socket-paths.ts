// Which device is served at which socket.
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { encodeSocketAddress } from '../../linux/unix-address.js'

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) return false
    throw new QuiesceError('PERMISSION', `Cannot look at ${path}: permission denied`, {
      hint: 'Choose a path that this user may reach',
    })
  }
}

function refuse(message: string, hint: string): never {
  throw new QuiesceError('USAGE', message, { hint })
}

/**
 * An absolute path for each device: the options in the order of the devices, or one directory for all, in which each gets a
 * socket of its name.
 * @throws QuiesceError `USAGE` where they do not fit, or a path cannot be that of a socket
 */
export function socketPaths(devices: readonly string[], options: readonly string[]): readonly string[] {
  if (options.length === 0) {
    refuse(
      `Cannot serve ${devices.join(', ')}: no socket was given`,
      'Say where with --socket: a path for each device, in their order, or a directory for all',
    )
  }
  const [only = ''] = options
  const places = options.length === 1 && isDirectory(only) ? devices.map(() => only) : options
  if (places.length !== devices.length) {
    const devicesText = devices.length === 1 ? '1 device' : `${devices.length} devices`
    const placesText = places.length === 1 ? 'one socket' : `${places.length} sockets`
    refuse(
      `Cannot serve ${devicesText} at ${placesText}: each has its own`,
      'Give --socket once for each device, in their order, or one existing directory for all',
    )
  }
  if (places.includes('')) refuse('Cannot listen at an empty path', 'Give --socket a path')
  const missing = places.find((place) => place.endsWith('/') && !isDirectory(place))
  if (missing !== undefined)
    refuse(`Cannot listen in ${missing}: there is no such directory`, `Make it first: mkdir -p ${missing}`)
  const paths = places.map((place, index) =>
    resolve(isDirectory(place) ? join(place, `${devices[index]}.sock`) : place),
  )
  for (const [index, path] of paths.entries()) {
    if (paths.indexOf(path) < index) {
      refuse(`Cannot serve two devices at ${path}: each has its own socket`, 'Give each another path')
    }
    assertUsable(path)
  }
  return paths
}

function assertUsable(path: string): void {
  const folder = dirname(path)
  if (!isDirectory(folder)) {
    refuse(`Cannot listen on ${path}: there is no directory ${folder}`, `Make it first: mkdir -p ${folder}`)
  }
  try {
    encodeSocketAddress(path)
  } catch (error) {
    if (!(error instanceof QuiesceError)) throw error
    refuse(error.message, 'Choose a shorter path, for example below /run')
  }
}
