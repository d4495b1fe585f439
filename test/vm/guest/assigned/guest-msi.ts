// In the guest's guest: how a driver programs MSI (PCIe 6.0 7.7.1).
import { msiOffset } from '../../../../src/pci/capabilities/msi.js'
import type { GuestFunction } from './guest-function.js'
import { messageTo } from './guest-msix.js'

/** Gives a function's only vector a message, and switches MSI on or off. */
export function programMsi(guest: GuestFunction, interrupt: number, enable = true): void {
  const at = guest.find('msi')
  const { address, data } = messageTo(interrupt)
  guest.config.write(at + msiOffset.addressLow, 4, Number(address))
  guest.config.write(at + msiOffset.addressHigh, 4, 0)
  guest.config.write(at + msiOffset.data64, 2, data)
  guest.config.write(at + msiOffset.control, 2, enable ? 1 : 0)
}
