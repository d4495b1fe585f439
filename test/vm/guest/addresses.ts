// In the guest: where the devices of the topology are.
import type { DeviceName } from '../devices.js'
import type { ServedName } from '../topology.js'

/** The addresses of all devices of this VM, by the names of the topology. */
export function deviceAddresses(): Readonly<Partial<Record<DeviceName, string>> & Record<ServedName, string>> {
  return JSON.parse(process.env['QUIESCE_VM_DEVICES'] ?? '{}')
}

/** The address of one device, in full form. */
export function addressOf(name: DeviceName | ServedName): string {
  const address = deviceAddresses()[name]
  if (address === undefined) throw new Error(`Cannot find ${name}: this VM was booted without it`)
  return address
}
