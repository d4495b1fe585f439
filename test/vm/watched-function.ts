// A function with a witness between it and its client: what it writes to memory, and whether it may at that time.
import type { AccessWidth } from '../../src/function/config-space.js'
import type { BusClient, BusFunction } from '../../src/kit/bus-function.js'
import type { ClientMemory } from '../../src/kit/client-memory.js'
import type { RegisterWidth } from '../../src/kit/device-model.js'
import { Command } from '../../src/pci/command.js'
import { headerOffset } from '../../src/pci/header.js'

export class WatchedFunction implements BusFunction {
  /** Writes to the client's memory. */
  writes = 0
  /** Those of them between the answer to a reset and the next time that Bus Master was switched on. */
  writesWhileQuiet = 0
  resets = 0
  readonly #fn: BusFunction
  #isQuiet = false

  constructor(fn: BusFunction) {
    this.#fn = fn
  }

  get configSize() {
    return this.#fn.configSize
  }

  get barSizes() {
    return this.#fn.barSizes
  }

  get vectors() {
    return this.#fn.vectors
  }

  get migration() {
    return this.#fn.migration
  }

  mappable(bar: number) {
    return this.#fn.mappable?.(bar)
  }

  readConfig(offset: number, width: AccessWidth): number {
    return this.#fn.readConfig(offset, width)
  }

  writeConfig(offset: number, width: AccessWidth, value: number): void {
    if (offset === headerOffset.command && Command.decode(value).busMaster) this.#isQuiet = false
    this.#fn.writeConfig(offset, width, value)
  }

  readBar(bar: number, offset: number, width: RegisterWidth): bigint {
    return this.#fn.readBar(bar, offset, width)
  }

  writeBar(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    this.#fn.writeBar(bar, offset, width, value)
  }

  connect(client: BusClient): void {
    this.#fn.connect({ memory: this.#watch(client.memory), signal: (kind, vector) => client.signal(kind, vector) })
  }

  async disconnect(): Promise<void> {
    await this.#fn.disconnect()
    this.#isQuiet = true
  }

  interruptsChanged(): void {
    this.#fn.interruptsChanged()
  }

  async reset(): Promise<void> {
    await this.#fn.reset()
    this.resets++
    this.#isQuiet = true
  }

  #watch(memory: ClientMemory): ClientMemory {
    return {
      view: (address, size, access) => {
        if (access !== 'read') this.#note()
        return memory.view(address, size, access)
      },
      read: (address, into) => memory.read(address, into),
      write: (address, from) => {
        this.#note()
        return memory.write(address, from)
      },
      markDirty: (address, size) => memory.markDirty(address, size),
    }
  }

  #note(): void {
    this.writes++
    if (this.#isQuiet) this.writesWhileQuiet++
  }
}
