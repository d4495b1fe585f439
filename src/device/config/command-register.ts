// The guest's writes of Command, in the order that keeps guest and hardware in step. What is switched off leaves the
// guest before the hardware stops decoding it, and what is switched on decodes in the hardware before the guest sees
// it: an access to a mapped BAR that does not decode would be a SIGBUS in the VMM.
import { Command } from '../../pci/command.js'
import { headerOffset } from '../../pci/header.js'
import type { BarPlacements } from '../bars/bar-placements.js'
import type { DevicePolicy } from '../device-policy.js'
import { type DeviceState, isUsable } from '../device-state.js'
import { type ConfigOverlay, type DwordWrite, merge, watched } from './config-overlay.js'
import { forwardWrite } from './forward-write.js'
import type { HardwareConfig } from './hardware-config.js'

const busMaster = Command.mask('busMaster')
const decoders = Command.mask('memorySpace', 'ioSpace')
const memorySpace = Command.mask('memorySpace')
/** Kept here as the guest has them. The others are the hardware's. */
const kept = Command.mask('ioSpace', 'memorySpace', 'busMaster')
/** PCIe 6.0 7.5.1.1.3: reserved, so a value that has them is not from a device. */
const reserved = 0xf800
const statusBits = 0xffff_0000

export class CommandRegister {
  readonly #hardware: HardwareConfig
  readonly #state: DeviceState
  readonly #bars: BarPlacements
  readonly #alwaysOn: number

  constructor(hardware: HardwareConfig, state: DeviceState, bars: BarPlacements, policy: DevicePolicy) {
    this.#hardware = hardware
    this.#state = state
    this.#bars = bars
    this.#alwaysOn = policy.keepMemoryEnabled ? memorySpace : 0
  }

  addTo(overlay: ConfigOverlay): void {
    overlay.add(
      headerOffset.command,
      watched(
        'Command',
        kept,
        () => this.#state.command,
        (write) => this.#write(write),
      ),
    )
  }

  /**
   * Gives the hardware what the guest has after a reset, every other bit 0 (PCIe 6.0 7.5.1.1.3): the kernel has restored
   * what was there before it. Whether the device answered and took the write.
   */
  restore(): boolean {
    return this.#readCommand() !== undefined && this.#writeCommand(this.#state.command)
  }

  /** Takes the device off the bus for good: the first thing of whoever takes it away from its guest. */
  masterNoMore(): void {
    this.#clear(busMaster)
  }

  /** The last thing, once no BAR is in the guest any more. */
  decodeNoMore(): void {
    this.#clear(busMaster | decoders)
    this.#state.command = 0
  }

  /** Switches bits off in the hardware, as far as it can be read. */
  #clear(bits: number): void {
    const raw = this.#readCommand()
    if (raw !== undefined && (raw & bits) !== 0) this.#hardware.write(headerOffset.command, 2, raw & ~bits)
  }

  #write(write: DwordWrite): void {
    if (!isUsable(this.#state)) return
    forwardWrite(this.#hardware, headerOffset.command, write, statusBits)
    if ((write.mask & 0xffff) === 0) return
    const before = this.#state.command
    const all = (write.mask & 0xffff) === 0xffff
    const raw = all ? 0 : this.#readCommand()
    if (raw === undefined) return
    const wanted = merge((raw & ~kept) | before, write) & 0xffff
    // Off first: what the guest keeps is what it had and still wants.
    this.#state.command = before & wanted & kept
    this.#bars.apply()
    if (!this.#writeCommand(wanted)) return
    const taken = this.#readCommand()
    if (taken !== undefined) this.#state.command = wanted & taken & kept
    this.#bars.apply()
  }

  /** Always 2 bytes that start at 0x04: the kernel notices Memory Space Enable in no other access. */
  #writeCommand(value: number): boolean {
    return this.#hardware.write(headerOffset.command, 2, value | this.#alwaysOn)
  }

  #readCommand(): number | undefined {
    const raw = this.#hardware.read(headerOffset.command, 2)
    return raw === undefined || (raw & reserved) !== 0 ? undefined : raw
  }
}
