// A PCI function made of a declaration and a model: config space, decoding, power states, interrupts and resets are
// here, so that a device is nothing but its registers and what it does.
import type { AccessWidth } from '../function/config-space.js'
import { headerOffset } from '../pci/header.js'
import type { BusClient, BusFunction, BusInterruptKind } from './bus-function.js'
import type { ConfigDeclaration } from './config-declaration.js'
import type { BarHandlers, ModelFactory, RegisterWidth } from './device-model.js'
import { DeviceSession, type SessionPort } from './device-session.js'
import { FunctionRegisters } from './function-registers.js'
import { InterruptDelivery } from './interrupt-delivery.js'
import { MsixWindow } from './msix-window.js'

export interface PciDeviceDeclaration {
  readonly config: ConfigDeclaration
  readonly model: ModelFactory
  /**
   * How long a reset waits for the client to answer the writes that were sent to it, in milliseconds. One that answers
   * nothing while it waits for the reset itself, as QEMU does, would otherwise be waited for by it in vain.
   */
  readonly drainMs?: number
}

const d3hot = 3
const barCount = 6
const defaultDrainMs = 100

export class PciDevice implements BusFunction {
  readonly configSize: 256 | 4096
  readonly barSizes: readonly number[]
  readonly vectors: Readonly<Record<BusInterruptKind, number>>
  readonly #declaration: PciDeviceDeclaration
  readonly #registers: FunctionRegisters
  readonly #interrupts: InterruptDelivery
  readonly #msix: MsixWindow | undefined
  #client: BusClient | undefined
  #session: DeviceSession
  #model: BarHandlers
  #requests = 0

  constructor(declaration: PciDeviceDeclaration) {
    const { config } = declaration
    this.#declaration = declaration
    this.#registers = new FunctionRegisters(config)
    this.#interrupts = new InterruptDelivery(this.#registers, () => this.#client)
    this.#msix = MsixWindow.of(this.#registers, this.#interrupts.pending)
    this.configSize = config.size
    this.barSizes = Array.from({ length: barCount }, (_, i) => config.bars.find(({ index }) => index === i)?.size ?? 0)
    this.vectors = {
      intx: config.interruptPin,
      msi: this.#registers.vectors('msi'),
      msix: this.#registers.vectors('msix'),
    }
    this.#session = new DeviceSession(this.#port())
    this.#model = declaration.model(this.#session)
  }

  readConfig(offset: number, width: AccessWidth): number {
    this.#registers.showPending(this.#requests > 0)
    return this.#registers.config.read(offset, width)
  }

  writeConfig(offset: number, width: AccessWidth, value: number): void {
    const registers = this.#registers
    const from = registers.powerState
    registers.config.write(offset, width, value)
    if (this.#settlePower(from) || registers.resetAskedBy(offset, width, value) !== undefined) {
      void this.#restart()
      return
    }
    // INTx Disable, or an enable bit of MSI and MSI-X, may have let through what was pending.
    if (offset === headerOffset.command || offset >= 0x40) this.#interrupts.retry()
  }

  readBar(bar: number, offset: number, width: RegisterWidth): bigint {
    if (!this.#decodes(bar)) return BigInt.asUintN(8 * width, -1n)
    const value = this.#msix?.read(bar, offset, width) ?? this.#model.read(bar, offset, width)
    return BigInt.asUintN(8 * width, value)
  }

  writeBar(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    if (!this.#decodes(bar) || this.#msix?.write(bar, offset, width, value)) return
    this.#model.write(bar, offset, width, value)
  }

  connect(client: BusClient): void {
    this.#client = client
  }

  async disconnect(): Promise<void> {
    const ended = this.#restart()
    this.#client = undefined
    await ended
  }

  interruptsChanged(): void {
    this.#interrupts.retry()
  }

  async reset(): Promise<void> {
    const ended = this.#restart()
    let timer: ReturnType<typeof setTimeout> | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#declaration.drainMs ?? defaultDrainMs)
    })
    await Promise.race([ended, deadline])
    clearTimeout(timer)
  }

  /** A device as new, in a session of its own. What the last one left under way is over at once. */
  #restart(): Promise<void> {
    const ended = this.#session.end()
    this.#registers.config.reset()
    this.#interrupts.reset()
    this.#msix?.reset()
    this.#session = new DeviceSession(this.#port())
    this.#model = this.#declaration.model(this.#session)
    return ended
  }

  #port(): SessionPort {
    const device = this
    return {
      get memory() {
        return device.#client?.memory
      },
      get mayMaster() {
        return device.#registers.busMaster && device.#registers.powerState === 0
      },
      get interruptKind() {
        return device.#interrupts.kind
      },
      pending: (change) => {
        this.#requests += change
      },
      raise: (vector) => this.#interrupts.raise(vector, this.#registers.busMaster && this.#registers.powerState === 0),
      lowerIntx: () => this.#interrupts.lowerIntx(),
    }
  }

  #decodes(bar: number): boolean {
    return this.#registers.powerState === 0 && this.#registers.decodes(bar)
  }

  /** Keeps the power state to those that there are. True where its change is a reset (PCI PM 1.2, 5.4.1). */
  #settlePower(from: number): boolean {
    const registers = this.#registers
    const { pmcsr, powerState: asked } = registers
    if (pmcsr === undefined || asked === from) return false
    if (asked !== 0 && asked !== d3hot) {
      registers.config.force(pmcsr, 2, (registers.config.read(pmcsr, 2) & ~3) | from)
      return false
    }
    return asked === 0 && !registers.noSoftReset
  }
}
