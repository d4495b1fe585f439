// PCI Express (PCIe 6.0 section 7.5.3): which registers are there depends on the capability version and the kind of
// port. The registers themselves are declared in pcie-device, pcie-link, pcie-slot and pcie-root.
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition, CapabilityView } from './capability-definition.js'
import {
  DeviceCapabilities,
  DeviceCapabilities2,
  DeviceControl,
  DeviceControl2,
  DeviceStatus,
  DeviceStatus2,
} from './pcie-device.js'
import { LinkCapabilities, LinkCapabilities2, LinkControl, LinkControl2, LinkStatus, LinkStatus2 } from './pcie-link.js'
import { pcieOffset } from './pcie-offset.js'
import { RootCapabilities, RootControl, RootStatus } from './pcie-root.js'
import { SlotCapabilities, SlotControl, SlotStatus } from './pcie-slot.js'

export { DeviceCapabilities, DeviceControl, DeviceStatus, pcieOffset }

export const PcieCapabilities = register('PCI_EXP_FLAGS', 16, {
  version: [3, 0],
  portType: [7, 4],
  slotImplemented: [8],
  interruptMessage: [13, 9],
})

/** Values of PcieCapabilities.portType. */
export const portType = {
  endpoint: 0,
  legacyEndpoint: 1,
  rootPort: 4,
  upstreamPort: 5,
  downstreamPort: 6,
  pcieToPciBridge: 7,
  pciToPcieBridge: 8,
  rootComplexEndpoint: 9,
  rootComplexEventCollector: 10,
} as const

const rootTypes: readonly number[] = [portType.rootPort, portType.rootComplexEventCollector]
const slotTypes: readonly number[] = [portType.rootPort, portType.downstreamPort, portType.pciToPcieBridge]
const linklessTypes: readonly number[] = [portType.rootComplexEndpoint, portType.rootComplexEventCollector]

/** Which of the register groups a function has. */
export function pcieGroups(flags: number) {
  const { portType: type, version, slotImplemented } = PcieCapabilities.decode(flags)
  return {
    link: !linklessTypes.includes(type),
    slot: slotImplemented && slotTypes.includes(type),
    root: rootTypes.includes(type),
    second: version >= 2,
  }
}

const groups = (view: CapabilityView) => pcieGroups(view.read(pcieOffset.capabilities, 2))
const link = (view: CapabilityView) => groups(view).link
const slot = (view: CapabilityView) => groups(view).slot
const root = (view: CapabilityView) => groups(view).root
const second = (view: CapabilityView) => groups(view).second
const secondLink = (view: CapabilityView) => link(view) && second(view)

function length(view: CapabilityView): number {
  const has = groups(view)
  if (has.second) return 0x3c
  if (has.root) return 0x24
  if (has.slot) return 0x1c
  return has.link ? 0x14 : 0x0c
}

export const pciExpress: CapabilityDefinition = {
  id: capabilityId.pcie,
  name: 'PCI Express',
  length,
  registers: [
    { at: pcieOffset.capabilities, register: PcieCapabilities },
    { at: pcieOffset.deviceCapabilities, register: DeviceCapabilities },
    { at: pcieOffset.deviceControl, register: DeviceControl },
    { at: pcieOffset.deviceStatus, register: DeviceStatus },
    { at: pcieOffset.linkCapabilities, register: LinkCapabilities, when: link },
    { at: pcieOffset.linkControl, register: LinkControl, when: link },
    { at: pcieOffset.linkStatus, register: LinkStatus, when: link },
    { at: pcieOffset.slotCapabilities, register: SlotCapabilities, when: slot },
    { at: pcieOffset.slotControl, register: SlotControl, when: slot },
    { at: pcieOffset.slotStatus, register: SlotStatus, when: slot },
    { at: pcieOffset.rootControl, register: RootControl, when: root },
    { at: pcieOffset.rootCapabilities, register: RootCapabilities, when: root },
    { at: pcieOffset.rootStatus, register: RootStatus, when: root },
    { at: pcieOffset.deviceCapabilities2, register: DeviceCapabilities2, when: second },
    { at: pcieOffset.deviceControl2, register: DeviceControl2, when: second },
    { at: pcieOffset.deviceStatus2, register: DeviceStatus2, when: second },
    { at: pcieOffset.linkCapabilities2, register: LinkCapabilities2, when: secondLink },
    { at: pcieOffset.linkControl2, register: LinkControl2, when: secondLink },
    { at: pcieOffset.linkStatus2, register: LinkStatus2, when: secondLink },
  ],
}
