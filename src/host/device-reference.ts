// What a person may write for a device, and which one is meant.
import { hex } from '../bits/hex.js'
import { QuiesceError } from '../errors/quiesce-error.js'
import { readInventory } from './inventory.js'
import { normalizeAddress } from './pci-address.js'
import { readPciSummary } from './pci-device.js'

export type DeviceReference =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'ids'; readonly vendorId: number; readonly deviceId: number }
  | { readonly kind: 'sim'; readonly model: string }

const formsHint = 'Write an address (0000:03:00.0 or 03:00.0), vendor:device ids (8086:10c9), or sim:<model>'

/** @throws QuiesceError `USAGE` if the text is none of the forms */
export function parseDeviceReference(text: string): DeviceReference {
  const model = /^sim:(.+)$/.exec(text)?.[1]
  if (model !== undefined) return { kind: 'sim', model }
  const address = normalizeAddress(text)
  if (address !== undefined) return { kind: 'address', address }
  const ids = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(text)
  if (ids !== null) {
    return {
      kind: 'ids',
      vendorId: Number.parseInt(ids[1] as string, 16),
      deviceId: Number.parseInt(ids[2] as string, 16),
    }
  }
  throw new QuiesceError('USAGE', `Cannot understand device ${JSON.stringify(text)}: it has none of the known forms`, {
    hint: formsHint,
  })
}

/**
 * The full address of the PCI function that is meant.
 * @throws QuiesceError `NO_DEVICE` if there is none, `USAGE` if several match (they are listed)
 */
export function resolveAddress(reference: Exclude<DeviceReference, { kind: 'sim' }>, sysfsRoot = '/sys'): string {
  if (reference.kind === 'address') {
    const { address } = reference
    if (readPciSummary(sysfsRoot, address) !== undefined) return address
    throw new QuiesceError('NO_DEVICE', `Cannot find ${address}: there is no PCI device at this address`, {
      device: address,
      hint: 'See `quiesce list --all` for the devices of this machine',
    })
  }
  const { vendorId, deviceId } = reference
  const ids = `${hex(vendorId).slice(2)}:${hex(deviceId).slice(2)}`
  const matches = readInventory(sysfsRoot).filter(
    (device) => device.vendorId === vendorId && device.deviceId === deviceId,
  )
  const [only, ...others] = matches
  if (only === undefined) {
    throw new QuiesceError('NO_DEVICE', `Cannot find ${ids}: no PCI device has these ids`, {
      hint: 'See `quiesce list --all` for the devices of this machine',
    })
  }
  if (others.length > 0) {
    const list = matches.map((match) => match.address).join(', ')
    throw new QuiesceError('USAGE', `Cannot tell which ${ids} is meant: ${matches.length} devices match (${list})`, {
      hint: 'Name one of them by its address',
    })
  }
  return only.address
}
