// The guest's writes of PMCSR. BARs leave the guest before the device leaves D0, and come back once it reads as D0
// again. The kernel says nothing of how a transition went, so every one is read back.
import { PmControlStatus, pmOffset } from '../../pci/capabilities/pm.js'
import type { BarPlacements } from '../bars/bar-placements.js'
import type { DeviceEvents } from '../device-event.js'
import { type DeviceState, isUsable } from '../device-state.js'
import { type ConfigOverlay, type DwordWrite, watched } from './config-overlay.js'
import { forwardWrite } from './forward-write.js'
import type { HardwareConfig } from './hardware-config.js'

const stateBits = PmControlStatus.mask('powerState')
const d3hot = 3
const dead = 0xffff

export interface PowerRegisterParts {
  /** Config offset of the capability. */
  readonly capability: number
  readonly hardware: HardwareConfig
  readonly state: DeviceState
  readonly bars: BarPlacements
  readonly events: DeviceEvents
  /** D3hot to D0 has reset the device's registers (NoSoftRst = 0, PCI PM 1.2, 5.4.1). */
  readonly wasReset: () => void
}

export class PowerRegister {
  readonly #parts: PowerRegisterParts
  readonly #at: number

  constructor(parts: PowerRegisterParts) {
    this.#parts = parts
    this.#at = parts.capability + pmOffset.controlStatus
    this.readState()
  }

  addTo(overlay: ConfigOverlay): void {
    overlay.add(
      this.#at,
      watched(
        'PMCSR',
        0,
        () => 0,
        (write) => this.#write(write),
      ),
    )
  }

  /** Takes over the state that the device shows. */
  readState(): void {
    this.#parts.state.powerState = this.#read()?.powerState
  }

  #write(write: DwordWrite): void {
    const { hardware, state, bars, events } = this.#parts
    if (!isUsable(state)) return
    const forward = (): boolean => forwardWrite(hardware, this.#at, write, 0xffff)
    if ((write.mask & stateBits) === 0) {
      forward()
      return
    }
    const asked = write.value & stateBits
    const before = state.powerState
    if (asked !== 0) {
      state.powerState = asked
      bars.apply()
    }
    forward()
    const now = this.#read()
    state.powerState = now?.powerState
    // The reset makes everything anew, and leaves no BAR where it was.
    if (before === d3hot && now?.powerState === 0 && !now.noSoftReset) this.#parts.wasReset()
    bars.apply()
    if (now?.powerState !== asked) events.report({ kind: 'power-state-refused', asked, is: now?.powerState })
  }

  #read() {
    const raw = this.#parts.hardware.read(this.#at, 2)
    return raw === undefined || raw === dead ? undefined : PmControlStatus.decode(raw)
  }
}
