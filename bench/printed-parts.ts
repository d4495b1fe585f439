// The results, for people, in the order of docs/benchmarks.md.
import { deviceTables, manyTable } from './device/device-tables.js'
import { type Measured, simulatedResets } from './measure-parts.js'
import { memoryTable } from './memory/memory-summary.js'
import { listingTable, resetTables, simulatedTable } from './tables.js'
import { vfioUserTables } from './vfio-user/vfio-user-tables.js'

export function printedParts(measured: Measured): string[] {
  const { vmMissing = [], resets = [], simulated, listing, device, memory, vfioUser } = measured
  const text: string[] = vmMissing.map((reason) => `Not all of the benchmarks in the VM were run: ${reason}`)
  if (resets.length > 0) text.push(`RESETS in the VM, on the kernel's VFIO. ${resetTables(resets)}`)
  if (listing?.guest !== undefined) text.push(`LISTING in the VM. ${listingTable(listing.guest)}`)
  if (listing !== undefined) text.push(`LISTING on this machine. ${listingTable(listing.host)}`)
  if (simulated !== undefined) {
    text.push(`SIMULATED devices, ${simulatedResets} resets each.\n${simulatedTable(simulated)}`)
  }
  if (device !== undefined) {
    const { guest, many } = device
    if (guest.length > 0) text.push(`ASSIGNED DEVICES in the VM, on the kernel's VFIO. ${deviceTables(guest)}`)
    text.push(`ASSIGNED DEVICES, simulated. ${deviceTables([device.simulated])}`)
    text.push(`MANY DEVICES. ${manyTable(many.steps, many.count, many.heapKib, many.leftKib)}`)
  }
  if (memory !== undefined && memory.sets.length > 0) {
    const title = 'GUEST MEMORY in the VM: milliseconds for all pieces, median / 90th percentile.'
    text.push([title, ...memory.notes, memoryTable(memory.sets)].join('\n'))
  }
  if (vfioUser !== undefined) text.push(`VFIO-USER. ${vfioUserTables(vfioUser)}`)
  return text
}
