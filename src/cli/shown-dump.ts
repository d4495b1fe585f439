// Devices out of a dump that lspci wrote.
import { readFileSync } from 'node:fs'
import { QuiesceError } from '../errors/quiesce-error.js'
import { normalizeAddress } from '../host/pci-address.js'
import { decodeConfigSpace } from '../pci/decode-config-space.js'
import { parseHexdump } from '../pci/parse-hexdump.js'
import type { ShownDevice } from './shown-device.js'

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new QuiesceError(
      code === 'EACCES' ? 'PERMISSION' : 'USAGE',
      `Cannot read ${file}: ${code || 'it is no file'}`,
      {
        hint: 'Name a file that lspci -xxxx wrote',
        ...(code === '' ? {} : { errnoName: code }),
        cause: error,
      },
    )
  }
}

/**
 * Every device of the dump, or the one at `address`.
 * @throws QuiesceError `USAGE` if the file is no dump, `NO_DEVICE` if it does not hold that device
 */
export function readDump(file: string, address?: string): ShownDevice[] {
  const wanted = address === undefined ? undefined : normalizeAddress(address)
  if (address !== undefined && wanted === undefined) {
    throw new QuiesceError('USAGE', `Cannot find ${JSON.stringify(address)} in a dump: it is no address`, {
      hint: 'Name a device of the dump by its address, or leave it out for all',
    })
  }
  const all = parseHexdump(readText(file))
  const found = all.filter((device) => wanted === undefined || device.address === wanted)
  if (found.length === 0) {
    throw new QuiesceError('NO_DEVICE', `Cannot find ${wanted} in ${file}: the dump does not hold it`, {
      hint: `It holds ${all.map((device) => device.address).join(', ')}`,
    })
  }
  return found.map((device) => ({
    device: device.address,
    source: 'dump',
    hardware: decodeConfigSpace(device.bytes),
    bytes: device.bytes,
    guestMissing: 'not known: a dump holds what the hardware showed',
  }))
}
