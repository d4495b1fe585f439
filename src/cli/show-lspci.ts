import type { PciNames } from '../pci/names.js'
import type { ShownDevice } from './shown-device.js'

export function formatLspciOf(shown: ShownDevice, _names: PciNames): string {
  return shown.device
}
