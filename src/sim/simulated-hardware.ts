// One function as it really is: registers, power state, what a reset does to it, and whether it answers. Everything
// above (the kernel, VFIO) reaches it only as the bus does; tests look at it directly.

import type { AccessWidth } from '../function/config-space.js'
import type { ConfigDeclaration } from '../kit/config-declaration.js'
import { flagsOf } from '../kit/config-layout.js'
import type { ConfigRegisters } from '../kit/config-registers.js'
import type { RegisterWidth } from '../kit/device-model.js'
import { FunctionRegisters } from '../kit/function-registers.js'
import { MsiControl, msiOffset } from '../pci/capabilities/msi.js'
import { MsixControl, msixOffset } from '../pci/capabilities/msix.js'
import { PmControlStatus } from '../pci/capabilities/pm.js'
import { capabilityId } from '../pci/capability-ids.js'
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import { BusMaster, type Gate } from './bus-master.js'
import type { DeviceHost, DeviceLogic } from './device-logic.js'
import type { Faults, FaultValues } from './faults.js'
import { InterruptLines } from './interrupt-lines.js'
import type { Ledger } from './ledger.js'
import type { Actor, BlockReason, ResetKind } from './ledger-entry.js'
import type { SimulatedBus } from './simulated-bus.js'
import type { VirtualClock } from './virtual-clock.js'

export interface HardwareParts {
  readonly clock: VirtualClock
  readonly faults: Faults
  readonly ledger: Ledger
  readonly bus: SimulatedBus
  readonly declaration: ConfigDeclaration
  readonly logic: (host: DeviceHost) => DeviceLogic
  /** Faults that come on when a write to a register makes the device busy. */
  readonly faultsOnceBusy?: Partial<FaultValues> | undefined
}

const d3hot = 3

/** A function's hardware on its bus. */
export class SimulatedHardware implements Gate {
  readonly clock: VirtualClock
  readonly faults: Faults
  readonly ledger: Ledger
  readonly bus: SimulatedBus
  readonly declaration: ConfigDeclaration
  readonly registers: FunctionRegisters
  readonly config: ConfigRegisters
  readonly master: BusMaster
  readonly lines: InterruptLines
  readonly logic: DeviceLogic
  readonly #faultsOnceBusy: Partial<FaultValues>
  #isPresent = true
  #isWedged = false
  #readyAt = 0

  constructor(parts: HardwareParts) {
    this.clock = parts.clock
    this.faults = parts.faults
    this.ledger = parts.ledger
    this.bus = parts.bus
    this.declaration = parts.declaration
    this.registers = new FunctionRegisters(parts.declaration)
    this.config = this.registers.config
    this.master = new BusMaster(parts.clock, parts.ledger, this)
    this.lines = new InterruptLines(this.registers, parts.clock, parts.ledger, this, this.master)
    this.logic = parts.logic(this.#host())
    this.#faultsOnceBusy = parts.faultsOnceBusy ?? {}
    parts.bus.functions.push(this)
  }

  /** False once it has fallen off the bus. */
  get isPresent(): boolean {
    return this.#isPresent
  }

  /** In an error state that only a reset ends. */
  get isWedged(): boolean {
    return this.#isWedged
  }

  /** Whether the bus gets an answer from it: it is there, and done with its last reset. */
  get answers(): boolean {
    return this.#isPresent && this.clock.now() >= this.#readyAt
  }

  get command(): number {
    return this.registers.command
  }

  get busMaster(): boolean {
    return this.registers.busMaster
  }

  /** 0 for D0 to 3 for D3hot. */
  get powerState(): number {
    return this.registers.powerState
  }

  get noSoftReset(): boolean {
    return this.registers.noSoftReset
  }

  /** Whether anything of its last user is left in the device. */
  get isDirty(): boolean {
    return this.logic.dirty || this.#isWedged
  }

  get blocked(): BlockReason | undefined {
    if (!this.#isPresent) return 'gone'
    if (this.#isWedged) return 'wedged'
    if (!this.answers) return 'not-ready'
    if (this.powerState !== 0) return 'not-in-d0'
    return this.busMaster ? undefined : 'bus-master-off'
  }

  get hasFlr(): boolean {
    return this.registers.hasFlr
  }

  /** Config space as the bus returns it: all ones where nothing answers. */
  readConfig(offset: number, width: AccessWidth): number {
    if (!this.answers || this.faults.get('config-read-all-ones')) return 2 ** (8 * width) - 1
    this.registers.showPending(this.faults.get('transactions-pending') || this.logic.readPending)
    this.master.flush()
    return this.config.read(offset, width)
  }

  writeConfig(offset: number, width: AccessWidth, value: number, by: Actor): void {
    if (!this.answers || this.faults.get('config-write-dropped')) return
    const command = this.command
    const power = this.powerState
    const messages = this.#messagesEnabled()
    this.config.write(offset, width, value)
    this.#settleCommand(command, by)
    this.#settlePower(power)
    this.#settleMessages(messages)
    const asked = this.registers.resetAskedBy(offset, width, value)
    if (asked !== undefined) this.reset(asked)
  }

  readBar(bar: number, offset: number, width: RegisterWidth): bigint {
    if (!this.#decodes(bar)) return BigInt.asUintN(8 * width, -1n)
    this.master.flush()
    return BigInt.asUintN(8 * width, this.logic.read(bar, offset, width))
  }

  writeBar(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    if (!this.#decodes(bar)) return
    this.logic.write(bar, offset, width, value)
    if (this.logic.busy) this.faults.setAll(this.#faultsOnceBusy)
  }

  /** Clears the device's state as `method` does, unless a fault prevents that. */
  reset(method: ResetKind): void {
    const before = { wasBusy: this.logic.busy, wasDirty: this.logic.dirty, wasWedged: this.#isWedged }
    const fallsOff = this.faults.get('reset-falls-off')
    const comesBack = method === 'bus' && !fallsOff
    const effective = !this.faults.get('reset-no-effect') && (this.#isPresent || comesBack)
    this.ledger.record({ kind: 'reset', at: this.clock.now(), method, effective, ...before })
    if (!effective) return
    const command = this.command
    this.config.reset()
    this.lines.lowerIntx()
    this.#isWedged = false
    this.#setPresent(!fallsOff)
    this.#readyAt = this.clock.now() + this.faults.get('reset-slow-ms') * 1000
    this.logic.reset()
    this.#settleCommand(command, 'reset')
    this.logic.gateChanged()
    if (!this.answers) this.clock.schedule(this.#readyAt - this.clock.now(), () => this.logic.gateChanged())
  }

  /** What firmware does at boot: gives every BAR its address. */
  assignBars(): void {
    if (this.declaration.isVirtualFunction === true) return
    for (const bar of this.declaration.bars) {
      const at = headerOffset.bar0 + 4 * bar.index
      this.config.force(at, 4, ((bar.address % 2 ** 32) | flagsOf(bar)) >>> 0)
      if (bar.kind === 'memory64') this.config.force(at + 4, 4, Math.floor(bar.address / 2 ** 32))
    }
  }

  #host(): DeviceHost {
    const hardware = this
    return {
      clock: this.clock,
      get epoch() {
        return hardware.ledger.epoch
      },
      get mayMaster() {
        return hardware.blocked === undefined
      },
      dmaWrite: (iova, bytes, epoch) => this.master.write(iova, bytes, epoch),
      dmaRead: (iova, length, epoch) => this.master.read(iova, length, epoch),
      raise: (vector) => this.lines.raise(vector),
      lowerIntx: () => this.lines.lowerIntx(),
    }
  }

  #decodes(bar: number): boolean {
    if (!this.answers || this.#isWedged || this.powerState !== 0) return false
    return this.registers.decodes(bar)
  }

  #setPresent(present: boolean): void {
    if (this.#isPresent === present) return
    this.#isPresent = present
    this.ledger.record({ kind: 'state', at: this.clock.now(), what: present ? 'back' : 'gone' })
  }

  #settleCommand(before: number, by: Actor): void {
    const stuck =
      (this.faults.get('bus-master-stuck') ? Command.mask('busMaster') : 0) |
      (this.faults.get('memory-space-stuck') ? Command.mask('memorySpace') : 0) |
      (this.faults.get('io-space-stuck') ? Command.mask('ioSpace') : 0)
    if ((before & stuck) !== 0) this.config.force(headerOffset.command, 2, this.command | (before & stuck))
    const after = this.command
    if (after === before) return
    this.ledger.record({ kind: 'command', at: this.clock.now(), by, before, after })
    const was = Command.decode(before)
    const is = Command.decode(after)
    if (was.busMaster && !is.busMaster && by !== 'reset') this.#wedgeIfBusy()
    if (was.busMaster !== is.busMaster) this.logic.gateChanged()
    if (was.intxDisable && !is.intxDisable) this.lines.deliverIntx()
  }

  #wedgeIfBusy(): void {
    if (!this.faults.get('wedges-on-bus-master-clear') || !this.logic.busy || this.#isWedged) return
    this.#isWedged = true
    this.ledger.record({ kind: 'state', at: this.clock.now(), what: 'wedged' })
  }

  #settlePower(from: number): void {
    const at = this.registers.pmcsr
    if (at === undefined) return
    const asked = this.powerState
    if (asked === from) return
    const unsupported = asked === 1 || asked === 2
    const refused = this.faults.get(asked === d3hot ? 'd3-refused' : 'd3-exit-fails')
    const to = unsupported || refused ? from : asked
    this.config.force(at, 2, PmControlStatus.encode({ powerState: to }, this.config.read(at, 2)))
    this.ledger.record({ kind: 'power', at: this.clock.now(), from, to, asked })
    if (to === from) return
    // PCI PM 1.2, 5.4.1: D3hot to D0 with NoSoftRst 0 is an internal reset.
    if (from === d3hot && to === 0 && !this.noSoftReset) this.reset('pm')
    this.logic.gateChanged()
  }

  #messagesEnabled(): { at: number; mask: number; raw: number }[] {
    const kinds = [
      {
        at: this.config.capabilities.get(capabilityId.msi),
        offset: msiOffset.control,
        mask: MsiControl.mask('enable'),
      },
      {
        at: this.config.capabilities.get(capabilityId.msix),
        offset: msixOffset.control,
        mask: MsixControl.mask('enable'),
      },
    ]
    return kinds.flatMap(({ at, offset, mask }) =>
      at === undefined ? [] : [{ at: at + offset, mask, raw: this.config.read(at + offset, 2) & mask }],
    )
  }

  #settleMessages(before: { at: number; raw: number }[]): void {
    if (!this.faults.get('interrupts-stuck')) return
    for (const { at, raw } of before) this.config.force(at, 2, this.config.read(at, 2) | raw)
  }
}
