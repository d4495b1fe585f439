// Resizable BAR and VF Resizable BAR (PCIe 6.0 sections 7.8.6 and 7.8.7).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition, CapabilityView } from './capability-definition.js'

export const rebarOffset = { capabilities: 4, control: 8, stride: 8 } as const

/** `sizes`: bit n stands for 1 MB << n. */
export const RebarCapabilities = register('PCI_REBAR_CAP', 32, { sizes: [31, 4] })
export const RebarControl = register('PCI_REBAR_CTRL', 32, {
  barIndex: [2, 0],
  /** Only in the first entry. */
  barCount: [7, 5],
  barSize: [13, 8],
  /** Bit n stands for 256 TB << n. */
  largeSizes: [31, 16],
})

/** What the first entry says, held to what the specification allows. */
export function rebarCount(view: CapabilityView): number {
  const { barCount } = RebarControl.decode(view.read(rebarOffset.control, 4))
  return Math.min(Math.max(barCount, 1), 6)
}

const repeat = { count: rebarCount, stride: rebarOffset.stride }
const registers = [
  { at: rebarOffset.capabilities, register: RebarCapabilities, repeat },
  { at: rebarOffset.control, register: RebarControl, repeat },
]
const length = (view: CapabilityView) => 4 + rebarCount(view) * rebarOffset.stride

export const resizableBar: CapabilityDefinition = {
  id: extendedCapabilityId.resizableBar,
  name: 'Resizable BAR',
  length,
  registers,
}

export const vfResizableBar: CapabilityDefinition = {
  id: extendedCapabilityId.vfResizableBar,
  name: 'VF Resizable BAR',
  length,
  registers,
}
