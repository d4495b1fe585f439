// The eventfds that a client gave for each kind of interrupt, with the masks: what DEVICE_SET_IRQS sets up.
import { type InterruptInfo, type InterruptKind, interruptKinds } from '../../function/interrupts.js'
import type { DescriptorWatch } from '../../linux/descriptor-watch.js'
import type { FileDescriptor } from '../../linux/file-descriptor.js'
import { signalEventfd, watchEventfd } from '../../linux/signal-eventfd.js'
import type { ServedDevice } from './served-device.js'

interface Kind {
  /** Each one's eventfd, where it has one. */
  vectors: readonly (FileDescriptor | undefined)[]
  readonly masked: Set<number>
  /** Signalled while it was masked. */
  readonly pending: Set<number>
}

export class ClientInterrupts {
  readonly #device: ServedDevice
  readonly #infos: Readonly<Record<InterruptKind, InterruptInfo>>
  readonly #kinds: Readonly<Record<InterruptKind, Kind>>
  #unmaskFile: FileDescriptor | undefined
  #unmaskWatch: DescriptorWatch | undefined

  constructor(device: ServedDevice) {
    this.#device = device
    const make = <T>(of: (kind: InterruptKind) => T) =>
      Object.fromEntries(interruptKinds.map((kind) => [kind, of(kind)])) as Record<InterruptKind, T>
    this.#infos = make((kind) => device.interruptInfo(kind))
    this.#kinds = make(() => ({ vectors: [], masked: new Set(), pending: new Set() }))
  }

  info(kind: InterruptKind): InterruptInfo {
    return this.#infos[kind]
  }

  signal(kind: InterruptKind, vector: number): boolean {
    const state = this.#kinds[kind]
    const target = state.vectors[vector]
    if (target === undefined) return false
    if (state.masked.has(vector)) {
      state.pending.add(vector)
      return false
    }
    if (this.#infos[kind].automasked) state.masked.add(vector)
    signalEventfd(target.fd)
    return true
  }

  /** The client signals its own eventfds, as VFIO's loopback does. Masks do not matter to it. */
  trigger(kind: InterruptKind, vector: number): void {
    const target = this.#kinds[kind].vectors[vector]
    if (target !== undefined) signalEventfd(target.fd)
  }

  /**
   * Gives vectors from `start` on new eventfds, which this takes over, or none. What the device refuses is thrown, and
   * leaves everything as it was.
   */
  assign(kind: InterruptKind, start: number, files: readonly (FileDescriptor | undefined)[]): void {
    const { vectors: before } = this.#kinds[kind]
    const after = Array.from({ length: Math.max(before.length, start + files.length) }, (_, index) =>
      index < start || index >= start + files.length ? before[index] : files[index - start],
    )
    this.#replace(kind, after)
  }

  /** Turns a kind off. */
  disable(kind: InterruptKind): void {
    this.#replace(kind, [])
    const { masked, pending } = this.#kinds[kind]
    masked.clear()
    pending.clear()
    if (kind === 'intx') this.unmaskBy(kind, undefined)
  }

  mask(kind: InterruptKind, vector: number): void {
    this.#kinds[kind].masked.add(vector)
    this.#device.maskInterrupt?.(kind, vector, true)
  }

  unmask(kind: InterruptKind, vector: number): void {
    const state = this.#kinds[kind]
    state.masked.delete(vector)
    if (state.pending.delete(vector)) this.signal(kind, vector)
    this.#device.maskInterrupt?.(kind, vector, false)
  }

  /** Has vector 0 unmasked whenever an eventfd is signalled. Takes over the descriptor. */
  unmaskBy(kind: InterruptKind, file: FileDescriptor | undefined): void {
    if (this.#device.unmaskInterruptBy !== undefined) {
      if (file !== undefined || this.#unmaskFile !== undefined) this.#device.unmaskInterruptBy(kind, file?.fd)
    }
    this.#unmaskWatch?.close()
    this.#unmaskWatch = undefined
    this.#unmaskFile?.[Symbol.dispose]()
    this.#unmaskFile = file
    if (file !== undefined && this.#device.unmaskInterruptBy === undefined) {
      this.#unmaskWatch = watchEventfd(file.fd, () => this.unmask(kind, 0))
    }
  }

  /** Takes everything back; whatever the device makes of it, the descriptors are closed. */
  release(onFailure: (error: unknown) => void): void {
    for (const kind of interruptKinds) {
      if (this.#kinds[kind].vectors.length === 0) continue
      try {
        this.disable(kind)
      } catch (error) {
        onFailure(error)
        closeFiles(this.#kinds[kind].vectors)
        this.#kinds[kind].vectors = []
      }
    }
    this.#unmaskWatch?.close()
    this.#unmaskFile?.[Symbol.dispose]()
    this.#unmaskFile = undefined
  }

  #replace(kind: InterruptKind, after: readonly (FileDescriptor | undefined)[]): void {
    const state = this.#kinds[kind]
    const before = state.vectors
    if (before.length > 0 || after.length > 0) {
      this.#device.setInterrupts?.(
        kind,
        after.map((file) => file?.fd),
      )
    }
    state.vectors = after
    const kept = new Set(after)
    closeFiles(before.filter((file) => !kept.has(file)))
  }
}

function closeFiles(files: readonly (FileDescriptor | undefined)[]): void {
  for (const file of files) file?.[Symbol.dispose]()
}
