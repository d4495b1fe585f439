// The two registers by which a guest resets its function (PCIe 6.0 7.5.3.4 Initiate FLR, and Advanced Features). The
// bit never reaches the hardware: the kernel would run a reset of its own, restore Bus Master, and forget how it ended.
import { AfCapabilities, AfControl, afOffset } from '../../pci/capabilities/af.js'
import { DeviceCapabilities, DeviceControl, pcieOffset } from '../../pci/capabilities/pcie.js'
import { type DeviceState, isUsable } from '../device-state.js'
import { type ConfigOverlay, watched } from './config-overlay.js'
import { forwardWrite } from './forward-write.js'
import type { HardwareConfig } from './hardware-config.js'

const initiateFlr = DeviceControl.mask('initiateFlr')
const initiateAfFlr = AfControl.mask('initiateFlr')

export interface ResetRegisterParts {
  readonly hardware: HardwareConfig
  readonly state: DeviceState
  /** Config offsets of the capabilities, where the guest sees them. */
  readonly pcie: number | undefined
  readonly af: number | undefined
  /** The guest asks for a reset. */
  readonly reset: () => void
}

export function addResetRegisters(overlay: ConfigOverlay, parts: ResetRegisterParts): void {
  if (parts.pcie !== undefined) addDeviceControl(overlay, parts, parts.pcie)
  if (parts.af !== undefined) addAdvancedFeatures(overlay, parts, parts.af)
}

function addDeviceControl(overlay: ConfigOverlay, { hardware, state, reset }: ResetRegisterParts, pcie: number): void {
  const at = pcie + pcieOffset.deviceControl
  const capabilities = hardware.read(pcie + pcieOffset.deviceCapabilities, 4) ?? 0
  const { flr } = DeviceCapabilities.decode(capabilities)
  overlay.add(
    at,
    watched(
      'Device Control',
      initiateFlr,
      () => 0,
      (write) => {
        // What the same write does to other bits would not survive the reset.
        if (flr && (write.value & initiateFlr) !== 0) reset()
        else if (isUsable(state)) forwardWrite(hardware, at, { ...write, value: (write.value & ~initiateFlr) >>> 0 })
      },
    ),
  )
}

function addAdvancedFeatures(overlay: ConfigOverlay, { hardware, reset }: ResetRegisterParts, af: number): void {
  const { flr } = AfCapabilities.decode(hardware.read(af + afOffset.capabilities, 1) ?? 0)
  overlay.add(
    af + afOffset.control,
    watched(
      'AF Control',
      initiateAfFlr,
      () => 0,
      (write) => {
        if (flr && (write.value & initiateAfFlr) !== 0) reset()
      },
    ),
  )
}
