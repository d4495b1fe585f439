// What a reset of a function's bus would take along, as sysfs knows it without opening anything: every function below
// the bridge that the reset goes through (PCIe 5.0 6.6.1: a hot reset reaches all that is downstream).
import { realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { compareAddresses, normalizeAddress } from './pci-address.js'
import { pciDevicePath, readLinkName, readNames } from './sysfs-attribute.js'

export interface BusResetScope {
  /** The bridge whose secondary bus would be reset. */
  readonly bridge: string
  /** Every function below it, the one asked about included. */
  readonly functions: readonly { readonly address: string; readonly driver?: string }[]
}

function functionsBelow(folder: string): string[] {
  return readNames(folder).flatMap((name) => {
    const address = normalizeAddress(name)
    return address === name ? [address, ...functionsBelow(`${folder}/${name}`)] : []
  })
}

/** The scope of a bus reset; `undefined` on a root bus, which cannot be reset, and where there is no such function. */
export function readBusResetScope(sysfsRoot: string, address: string): BusResetScope | undefined {
  let folder: string
  try {
    folder = dirname(realpathSync(pciDevicePath(sysfsRoot, address)))
  } catch {
    return undefined
  }
  const bridge = normalizeAddress(basename(folder))
  if (bridge === undefined) return undefined
  const functions = functionsBelow(folder)
    .sort(compareAddresses)
    .map((each) => {
      const driver = readLinkName(`${pciDevicePath(sysfsRoot, each)}/driver`)
      return driver === undefined ? { address: each } : { address: each, driver }
    })
  return { bridge, functions }
}
