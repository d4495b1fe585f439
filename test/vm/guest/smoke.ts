// What the guest's PCI bus looks like, one result for each function; then what VFIO makes of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { deviceAddresses } from './addresses.js'
import { bindToVfio, createVirtualFunctions, driverOf, iommuGroupOf, resetMethods, sysfsFolder } from './binding.js'
import { mark } from './mark.js'
import { report } from './report.js'

const attribute = (address: string, name: string) => readFileSync(`${sysfsFolder(address)}/${name}`, 'utf8').trim()

export interface SmokeFunction {
  readonly address: string
  readonly ids: string
  readonly class: string
  readonly driver?: string
  readonly iommuGroup?: string
  readonly resetMethods: readonly string[]
}

function describe(address: string): SmokeFunction {
  const driver = driverOf(address)
  const iommuGroup = iommuGroupOf(address)
  return {
    address,
    ids: `${attribute(address, 'vendor').slice(2)}:${attribute(address, 'device').slice(2)}`,
    class: attribute(address, 'class'),
    ...(driver === undefined ? {} : { driver }),
    ...(iommuGroup === undefined ? {} : { iommuGroup }),
    resetMethods: resetMethods(address),
  }
}

const addresses = deviceAddresses()
mark(1)
if (existsSync('/sys/kernel/iommu_groups') && readdirSync('/sys/kernel/iommu_groups').length > 0) {
  bindToVfio(...Object.values(addresses))
  if (addresses.igb !== undefined) bindToVfio(...createVirtualFunctions(addresses.igb, 2))
}
mark(2)
for (const address of readdirSync('/sys/bus/pci/devices')) report({ function: describe(address) })
report({ groups: existsSync('/dev/vfio') ? readdirSync('/dev/vfio') : [] })
