// One client's time with a device: what it was given, and how it is all taken back.
import type { InterruptKind } from '../../function/interrupts.js'
import type { Channel } from '../transport/channel.js'
import { ClientInterrupts } from './client-interrupts.js'
import type { MappedClientMemory } from './client-mapping.js'
import { ServedMemory } from './client-memory.js'
import { DirtyPages } from './dirty-pages.js'
import { Migration } from './migration.js'
import type { ServedClient, ServedDevice } from './served-device.js'
import type { ServerEventListener } from './server-event.js'

export class Session implements ServedClient {
  readonly device: ServedDevice
  readonly channel: Channel
  readonly memory: ServedMemory
  readonly interrupts: ClientInterrupts
  readonly dirty = new DirtyPages()
  readonly migration: Migration | undefined
  readonly report: ServerEventListener
  /** A request that is not finished. */
  underWay: Promise<void> | undefined
  #isOver = false

  constructor(device: ServedDevice, channel: Channel, report: ServerEventListener) {
    this.device = device
    this.channel = channel
    this.report = report
    this.memory = new ServedMemory(channel, this.dirty)
    this.interrupts = new ClientInterrupts(device)
    this.migration = device.migration === undefined ? undefined : new Migration(device.migration)
  }

  signal(kind: InterruptKind, vector: number): boolean {
    return !this.#isOver && this.interrupts.signal(kind, vector)
  }

  async unmap(mapping: MappedClientMemory): Promise<void> {
    try {
      await this.device.unmapMemory?.(mapping)
    } finally {
      this.memory.remove(mapping)
    }
  }

  /**
   * The client is gone. First the device is quiet; then its interrupts and its memory go. Whatever fails on the way, the
   * rest is done all the same. What failed, if anything.
   */
  async end(): Promise<string | undefined> {
    let failure: string | undefined
    const note = (error: unknown) => {
      failure ??= error instanceof Error ? error.message : String(error)
    }
    // Its calls to the client have failed by now; a reset may take its time, and would not stand another beside it.
    try {
      await this.underWay
    } catch (error) {
      note(error)
    }
    try {
      await this.device.quiesce()
    } catch (error) {
      note(error)
    }
    this.#isOver = true
    this.interrupts.release(note)
    for (const mapping of [...this.memory.mappings]) {
      try {
        await this.unmap(mapping)
      } catch (error) {
        note(error)
      }
    }
    return failure
  }
}
