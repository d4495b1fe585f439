// Puts the parts of an assigned device together: shapes from the hardware, rules for config space, BARs, interrupts.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { capabilityId } from '../pci/capability-ids.js'
import { HeaderType, headerOffset } from '../pci/header.js'
import { BarPlacements, type ShareBar } from './bars/bar-placements.js'
import { addBarRegisters } from './bars/bar-registers.js'
import { barShapes } from './bars/bar-shape.js'
import { CommandRegister } from './config/command-register.js'
import { ConfigOverlay, patched } from './config/config-overlay.js'
import { GuestConfig, type Reach } from './config/guest-config.js'
import { HardwareConfig } from './config/hardware-config.js'
import { PowerRegister } from './config/power-register.js'
import { addResetRegisters } from './config/reset-registers.js'
import { ShownCapabilities } from './config/shown-capabilities.js'
import type { DeviceEvents } from './device-event.js'
import { type DevicePolicy, hiddenIds } from './device-policy.js'
import { type DeviceState, initialState, type StateShape } from './device-state.js'
import { GuestInterruptDelivery } from './interrupts/guest-interrupt-delivery.js'
import { Msix } from './interrupts/msix.js'
import type { Vmm } from './vmm.js'

/** What the parts ask of the device as a whole. */
export interface PartsOwner {
  /** The guest wrote the bit that resets its function. */
  readonly resetByGuest: () => void
  /** D3hot to D0 has reset the registers of the function. */
  readonly wasReset: () => void
  /** Lets other devices reach its BARs, where the policy lets them. */
  readonly share: ShareBar | undefined
}

export interface DeviceParts {
  readonly shape: StateShape
  readonly state: DeviceState
  readonly overlay: ConfigOverlay
  readonly config: GuestConfig
  readonly bars: BarPlacements
  readonly interrupts: GuestInterruptDelivery
  readonly command: CommandRegister
  readonly power: PowerRegister | undefined
}

/** HeaderType is byte 2 of its dword. */
const multiFunction = (HeaderType.mask('multiFunction') << 16) >>> 0
const headerTypeDword = headerOffset.headerType & ~3

function reachOf({ phase, quarantine }: DeviceState): Reach {
  if (phase !== 'live' || quarantine?.stuck === true) return 'off'
  return quarantine === undefined ? 'full' : 'read-only'
}

/** @throws QuiesceError where the function cannot be assigned */
export function assembleDevice(
  fn: PhysicalFunction,
  vmm: Vmm,
  policy: DevicePolicy,
  events: DeviceEvents,
  owner: PartsOwner,
): DeviceParts {
  const hardware = new HardwareConfig(fn.config, events)
  const shapes = barShapes(fn, policy)
  const hiddenFromGuest = hiddenIds(policy)
  const withoutVectors = (['msi', 'msix'] as const).filter((kind) => fn.interrupts.info(kind).count === 0)
  const shown = new ShownCapabilities(fn.config, {
    standard: new Set([...hiddenFromGuest.standard, ...withoutVectors.map((kind) => capabilityId[kind])]),
    extended: hiddenFromGuest.extended,
  })
  const msix = shown.find(capabilityId.msix)
  const shape = {
    msixVectors: msix === undefined ? 0 : Msix.shapeOf(hardware, msix, fn.interrupts.info('msix').count).vectors,
  }
  const state = initialState(shape)
  const parts = { fn, vmm, hardware, state, events }
  const interrupts = new GuestInterruptDelivery({ ...parts, msi: shown.find(capabilityId.msi), msix })
  const bars = new BarPlacements(vmm, state, events, shapes, interrupts.msix?.windows() ?? [], owner.share)
  const command = new CommandRegister(hardware, state, bars, policy)
  const pm = shown.find(capabilityId.pm)
  const power =
    pm === undefined
      ? undefined
      : new PowerRegister({ capability: pm, hardware, state, bars, events, wasReset: owner.wasReset })

  const overlay = new ConfigOverlay()
  command.addTo(overlay)
  power?.addTo(overlay)
  interrupts.addTo(overlay)
  addBarRegisters(overlay, shapes, state, () => bars.apply())
  const pcie = shown.find(capabilityId.pcie)
  addResetRegisters(overlay, { hardware, state, pcie, af: shown.find(capabilityId.af), reset: owner.resetByGuest })
  if (!policy.keepMultiFunctionBit) overlay.add(headerTypeDword, patched('single function', multiFunction, 0))
  shown.addTo(overlay)

  const config = new GuestConfig(hardware, overlay, () => reachOf(state))
  if (!command.restore()) {
    interrupts.close()
    throw new QuiesceError('CONFIG_ACCESS', `Cannot assign ${fn.address}: its Command register does not answer`, {
      device: fn.address,
    })
  }
  return { shape, state, overlay, config, bars, interrupts, command, power }
}
