// In the guest: a served device with a witness between it and its server: what is in flight when the device is about to be
// quieted, whether the client's memory changes once it is said to be quiet, and whether that is before the memory goes.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { KernelOutcome } from '../../../src/function/kernel-outcome.js'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import { regionIndex } from '../../../src/function/region.js'
import { Command } from '../../../src/pci/command.js'
import { headerOffset } from '../../../src/pci/header.js'
import { ForwardingDevice } from '../../../src/vfio-user/server/forwarding-device.js'
import type { PhysicalDevice } from '../../../src/vfio-user/server/physical-device.js'
import type { ClientMapping, ServedRegion } from '../../../src/vfio-user/server/served-device.js'
import { mark } from './mark.js'

/** The file behind the client's memory, by a descriptor of our own: it is there when the client is not any more. */
class MemoryFile {
  readonly #fd: number
  readonly #size: number

  constructor(fd: number) {
    // Opened anew, because the server's descriptor ends with the mapping.
    this.#fd = openSync(`/proc/self/fd/${fd}`, 'r+')
    this.#size = fstatSync(this.#fd).size
  }

  fill(position: number, length: number, value: number): void {
    writeSync(this.#fd, new Uint8Array(length).fill(value), 0, length, position)
  }

  copy(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.#size)
    for (let done = 0; done < bytes.length; ) done += readSync(this.#fd, bytes, done, bytes.length - done, done)
    return bytes
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** What was seen of one cut. */
export interface Cut {
  /** In order: `command` (the client clears Bus Master), `reset`, `quiesce`, each with its end, and `unmap`. */
  readonly order: readonly string[]
  readonly commandWhenQuiet: number
  /** Not a byte of the client's memory changed in the time in which all that was in flight would have arrived. */
  readonly isIntact: boolean
}

export interface Watch {
  /** Called at the last moment: something is to be in flight. */
  readonly lastMoment?: () => void
  /** In which everything in flight would arrive. */
  readonly arrivalMs: number
  /** Marks of the trace: quiet, and when everything would have arrived. */
  readonly marks: readonly [quiet: number, later: number]
}

interface Found {
  readonly watch: Watch
  readonly order: string[]
  hadItsLastMoment?: boolean
  commandWhenQuiet?: number
  isIntact?: boolean
}

export class WatchedDevice extends ForwardingDevice {
  memory: MemoryFile | undefined
  readonly #regions: readonly (ServedRegion | undefined)[]
  readonly #fn: PhysicalFunction
  #found: Found | undefined

  constructor(device: PhysicalDevice, fn: PhysicalFunction) {
    super(device)
    this.#fn = fn
    this.#regions = device.regions.map((region, index) =>
      region !== undefined && index === regionIndex.config ? this.#watchCommand(region) : region,
    )
  }

  override get regions(): readonly (ServedRegion | undefined)[] {
    return this.#regions
  }

  /** From now on. */
  watch(watch: Watch): void {
    this.#found = { watch, order: [] }
  }

  /** What was found since `watch`; undefined while the device was not quieted and what was in flight may still arrive. */
  get cut(): Cut | undefined {
    const { order, commandWhenQuiet, isIntact } = this.#found ?? {}
    if (order === undefined || commandWhenQuiet === undefined || isIntact === undefined) return undefined
    return { order: [...order], commandWhenQuiet, isIntact }
  }

  override async reset(): Promise<KernelOutcome> {
    this.#beforeQuiet('reset')
    const outcome = await super.reset()
    // QEMU waits for the answer, and its processors stand still: nobody but the device could change the memory meanwhile.
    await this.#onceQuiet('reset over')
    return outcome
  }

  override async quiesce(): Promise<void> {
    this.#beforeQuiet('quiesce')
    await super.quiesce()
    await this.#onceQuiet('quiesce over')
  }

  override mapMemory(mapping: ClientMapping): void {
    super.mapMemory(mapping)
    if (mapping.file === undefined) return
    this.memory?.close()
    this.memory = new MemoryFile(mapping.file.fd)
  }

  override unmapMemory(mapping: ClientMapping): void | Promise<void> {
    this.#found?.order.push(this.#isMaster ? 'unmap of a bus master' : 'unmap')
    return super.unmapMemory(mapping)
  }

  get #isMaster(): boolean {
    return Command.decode(this.#fn.config.read(headerOffset.command, 2)).busMaster
  }

  /** A client may clear Bus Master by itself before it asks for a reset: QEMU does. */
  #watchCommand(config: ServedRegion): ServedRegion {
    return {
      ...config,
      write: (offset, from) => {
        const isOff = offset === BigInt(headerOffset.command) && !Command.decode(from[0] ?? 0).busMaster
        if (isOff) this.#beforeQuiet('command')
        return config.write(offset, from)
      },
    }
  }

  #beforeQuiet(what: string): void {
    const found = this.#found
    if (found === undefined) return
    found.order.push(what)
    if (found.hadItsLastMoment === true) return
    found.hadItsLastMoment = true
    found.watch.lastMoment?.()
  }

  async #onceQuiet(what: string): Promise<void> {
    const found = this.#found
    const memory = this.memory
    if (found === undefined) return
    found.order.push(what)
    if (found.commandWhenQuiet !== undefined || memory === undefined) return
    const { marks, arrivalMs } = found.watch
    mark(marks[0])
    found.commandWhenQuiet = this.#fn.config.read(headerOffset.command, 2)
    const before = memory.copy()
    await wait(arrivalMs)
    const isIntact = before.equals(memory.copy())
    mark(marks[1])
    found.isIntact = isIntact
  }
}
