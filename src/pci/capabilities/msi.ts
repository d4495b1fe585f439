// MSI (PCIe 6.0 section 7.7.1). The layout depends on two bits of Message Control.
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition, CapabilityView } from './capability-definition.js'

export const msiOffset = {
  control: 2,
  addressLow: 4,
  addressHigh: 8,
  data32: 8,
  data64: 12,
  mask32: 12,
  mask64: 16,
  pending32: 16,
  pending64: 20,
} as const

export const MsiControl = register('PCI_MSI_FLAGS', 16, {
  enable: [0],
  /** log2 of the vectors that the function asks for. */
  multipleCapable: [3, 1],
  /** log2 of the vectors that software gave it. */
  multipleEnable: [6, 4],
  address64: [7],
  perVectorMasking: [8],
  extendedDataCapable: [9],
  extendedDataEnable: [10],
})

export const MsiAddressLow = register('PCI_MSI_ADDRESS_LO', 32, { address: [31, 0] })
export const MsiAddressHigh = register('PCI_MSI_ADDRESS_HI', 32, { address: [31, 0] })
export const MsiData = register('PCI_MSI_DATA', 16, { data: [15, 0] })
export const MsiMask = register('PCI_MSI_MASK', 32, { vectors: [31, 0] })
export const MsiPending = register('PCI_MSI_PENDING', 32, { vectors: [31, 0] })

const control = (view: CapabilityView) => MsiControl.decode(view.read(msiOffset.control, 2))
const is64 = (view: CapabilityView) => control(view).address64
const is32 = (view: CapabilityView) => !is64(view)
const masks64 = (view: CapabilityView) => is64(view) && control(view).perVectorMasking
const masks32 = (view: CapabilityView) => is32(view) && control(view).perVectorMasking

export const messageSignaledInterrupts: CapabilityDefinition = {
  id: capabilityId.msi,
  name: 'MSI',
  length: (view) => (is64(view) ? 14 : 10) + (control(view).perVectorMasking ? 10 : 0),
  registers: [
    { at: msiOffset.control, register: MsiControl },
    { at: msiOffset.addressLow, register: MsiAddressLow },
    { at: msiOffset.addressHigh, register: MsiAddressHigh, when: is64 },
    { at: msiOffset.data64, register: MsiData, when: is64 },
    { at: msiOffset.data32, register: MsiData, when: is32 },
    { at: msiOffset.mask64, register: MsiMask, when: masks64 },
    { at: msiOffset.pending64, register: MsiPending, when: masks64 },
    { at: msiOffset.mask32, register: MsiMask, when: masks32 },
    { at: msiOffset.pending32, register: MsiPending, when: masks32 },
  ],
}
