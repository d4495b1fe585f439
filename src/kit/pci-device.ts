// A PCI function made of a declaration and a model: config space, decoding, power states, interrupts and resets are
// here, so that a device is nothing but its registers and what it does.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { AccessWidth } from '../function/config-space.js'
import { headerOffset } from '../pci/header.js'
import { BarMemory, type BarMemoryDeclaration, type MappableBar } from './bar-memory.js'
import { BarWindow } from './bar-window.js'
import type { BusClient, BusFunction, BusInterruptKind, FunctionMigration } from './bus-function.js'
import type { ConfigDeclaration } from './config-declaration.js'
import type { BarHandlers, ModelFactory, RegisterWidth } from './device-model.js'
import { DeviceSession, type SessionPort } from './device-session.js'
import { CarriedState } from './function-migration.js'
import { FunctionRegisters } from './function-registers.js'
import { InterruptDelivery } from './interrupt-delivery.js'
import { MsixWindow } from './msix-window.js'

export interface PciDeviceDeclaration {
  readonly config: ConfigDeclaration
  readonly model: ModelFactory
  /** BARs, or pages of them, that are memory which clients map. The model is not asked about them. */
  readonly memory?: readonly BarMemoryDeclaration[]
  /**
   * How long a reset waits for the client to answer the writes that were sent to it, in milliseconds. One that answers
   * nothing while it waits for the reset itself, as QEMU does, would otherwise be waited for by it in vain.
   */
  readonly drainMs?: number
}

const d3hot = 3
const barCount = 6
const defaultDrainMs = 100

/** Disposing it gives back the memory of its BARs. Only a device that has such memory need be disposed. */
export class PciDevice implements BusFunction, Disposable {
  readonly configSize: 256 | 4096
  readonly barSizes: readonly number[]
  readonly vectors: Readonly<Record<BusInterruptKind, number>>
  readonly migration: FunctionMigration | undefined
  readonly #declaration: PciDeviceDeclaration
  readonly #registers: FunctionRegisters
  readonly #interrupts: InterruptDelivery
  readonly #msix: MsixWindow | undefined
  readonly #window: BarWindow | undefined
  readonly #memories: readonly BarMemory[]
  readonly #carried: CarriedState
  #client: BusClient | undefined
  #session: DeviceSession
  #model: BarHandlers
  #requests = 0

  /** @throws QuiesceError `USAGE` if memory of a BAR is not whole pages inside of it, or lies over the MSI-X table */
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
    this.#window = BarWindow.of(config, this.#registers.config, this.barSizes)
    this.#memories = (declaration.memory ?? []).map((memory) => this.#memoryOf(memory))
    this.#carried = this.#carry()
    this.#session = this.#open()
    this.#model = declaration.model(this.#session)
    this.migration = this.#model.migration === undefined ? undefined : this.#carried
  }

  readConfig(offset: number, width: AccessWidth): number {
    this.#registers.showPending(this.#requests > 0)
    const shown = this.#shownIn(offset, width)
    if (shown !== undefined) this.#window?.show(shown, this.#read(shown.bar, shown.offset, shown.width))
    return this.#registers.config.read(offset, width)
  }

  writeConfig(offset: number, width: AccessWidth, value: number): void {
    const registers = this.#registers
    const from = registers.powerState
    registers.config.write(offset, width, value)
    const shown = this.#shownIn(offset, width)
    if (shown !== undefined) this.#write(shown.bar, shown.offset, shown.width, this.#window?.data ?? 0n)
    if (this.#settlePower(from) || registers.resetAskedBy(offset, width, value) !== undefined) {
      void this.#restart()
      return
    }
    // INTx Disable, or an enable bit of MSI and MSI-X, may have let through what was pending.
    if (offset === headerOffset.command || offset >= 0x40) this.#interrupts.retry()
  }

  readBar(bar: number, offset: number, width: RegisterWidth): bigint {
    return this.#decodes(bar) ? this.#read(bar, offset, width) : BigInt.asUintN(8 * width, -1n)
  }

  writeBar(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    if (this.#decodes(bar)) this.#write(bar, offset, width, value)
  }

  mappable(bar: number): MappableBar | undefined {
    return this.#memories.find((memory) => memory.bar === bar)?.mappable
  }

  connect(client: BusClient): void {
    this.#client = client
  }

  async disconnect(): Promise<void> {
    const ended = this.#startOver()
    this.#client = undefined
    await ended
    for (const memory of this.#memories) memory.renew()
  }

  interruptsChanged(): void {
    this.#interrupts.retry()
  }

  async reset(): Promise<void> {
    await this.#settles(this.#startOver())
  }

  [Symbol.dispose](): void {
    for (const memory of this.#memories) memory[Symbol.dispose]()
  }

  /** A reset from outside, which also lets it run again. */
  #startOver(): Promise<void> {
    const wasStopped = this.#carried.held !== undefined
    const ended = this.#restart()
    this.#carried.release()
    if (wasStopped) this.#model.migration?.resume()
    return ended
  }

  /** A device as new, in a session of its own. What the last one left under way is over at once. */
  #restart(): Promise<void> {
    const ended = this.#session.end()
    this.#registers.config.reset()
    this.#interrupts.reset()
    this.#msix?.reset()
    for (const memory of this.#memories) memory.reset()
    this.#session = this.#open()
    this.#model = this.#declaration.model(this.#session)
    if (this.#carried.held !== undefined) void this.#model.migration?.pause()
    return ended
  }

  /** Whether it came to its end before the client had to be given up on. */
  async #settles(work: Promise<void>): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const deadline = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, this.#declaration.drainMs ?? defaultDrainMs, false)
    })
    try {
      return await Promise.race([work.then(() => true), deadline])
    } finally {
      clearTimeout(timer)
    }
  }

  #memoryOf(declaration: BarMemoryDeclaration): BarMemory {
    const memory = new BarMemory(declaration, this.barSizes[declaration.bar] ?? 0)
    if (this.#msix?.isWithin(memory.bar, memory.offset, memory.bytes.length) !== true) return memory
    memory[Symbol.dispose]()
    throw new QuiesceError('USAGE', `Cannot have memory in BAR ${memory.bar}: the MSI-X table is there`)
  }

  #open(): DeviceSession {
    const device = this
    // One that a state is tried in has no part in the device until it is the device's.
    const isCurrent = () => device.#session === session
    const mayMaster = () => isCurrent() && device.#registers.busMaster && device.#registers.powerState === 0
    const port: SessionPort = {
      get memory() {
        return device.#client?.memory
      },
      get mayMaster() {
        return mayMaster()
      },
      get held() {
        return device.#carried.held
      },
      get interruptKind() {
        return device.#interrupts.kind
      },
      pending: (change) => {
        device.#requests += change
      },
      raise: (vector) => {
        if (isCurrent()) device.#interrupts.raise(vector, mayMaster())
      },
      lowerIntx: () => {
        if (isCurrent()) device.#interrupts.lowerIntx()
      },
      barMemory: (bar) => device.#memories.find((memory) => memory.bar === bar)?.bytes,
    }
    const session = new DeviceSession(port)
    return session
  }

  #shownIn(offset: number, width: AccessWidth) {
    return this.#registers.powerState === 0 ? this.#window?.accessOf(offset, width) : undefined
  }

  #read(bar: number, offset: number, width: RegisterWidth): bigint {
    const memory = this.#memories.find((each) => each.has(bar, offset))
    if (memory !== undefined) return memory.read(offset, width)
    const value = this.#msix?.read(bar, offset, width) ?? this.#model.read(bar, offset, width)
    return BigInt.asUintN(8 * width, value)
  }

  #write(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    const memory = this.#memories.find((each) => each.has(bar, offset))
    if (memory !== undefined) memory.write(offset, width, value)
    else if (!this.#msix?.write(bar, offset, width, value)) this.#model.write(bar, offset, width, value)
  }

  #carry(): CarriedState {
    const device = this
    return new CarriedState({
      registers: this.#registers,
      interrupts: this.#interrupts,
      msix: this.#msix,
      memories: this.#memories,
      get model() {
        return device.#model.migration
      },
      replaceModel: (restore) => this.#replaceModel(restore),
      settles: (work) => this.#settles(work),
    })
  }

  #replaceModel(restore: (model: BarHandlers['migration']) => void): void {
    const session = this.#open()
    try {
      const model = this.#declaration.model(session)
      restore(model.migration)
      void this.#session.end()
      this.#session = session
      this.#model = model
    } catch (error) {
      void session.end()
      throw error
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
