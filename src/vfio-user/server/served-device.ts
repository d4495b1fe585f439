// What a device is to the server: regions, interrupts, a reset, and what it wants to know of its client. A physical
// function makes one (physical-device.ts), and so does every device that is written in TypeScript.
//
// The rules that the server keeps, so that a device need not:
//   one client at a time; requests take effect in the order in which they came;
//   accesses lie inside their region, of which the device said whether it can be read and written;
//   descriptors belong to the server: they are valid until it takes them back, and the device never closes one;
//   when a client is gone, `quiesce` is over before the first byte of its memory is.
import type { DmaAccess, DmaMemory } from '../../function/dma.js'
import type { InterruptInfo, InterruptKind } from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { RegionArea } from '../../function/region.js'

/** A part of a region whose accesses come as signals of an eventfd instead of as messages (KVM's ioeventfd). */
export interface RegionEventfd {
  readonly offset: bigint
  readonly size: bigint
  readonly fd: number
  /** `KVM_IOEVENTFD_FLAG_*`. */
  readonly flags?: number
  /** With the flag DATAMATCH: the only value whose write signals. */
  readonly datamatch?: bigint
}

/** A region as the device offers it: a BAR, the ROM, config space. A `Region` of a physical function is nearly one. */
export interface ServedRegion {
  /** Bytes. */
  readonly size: bigint
  readonly readable: boolean
  readonly writable: boolean
  /** What the client may map, by whole pages, from `file`: accesses there never come here. */
  readonly mappable?: readonly RegionArea[]
  readonly file?: { readonly fd: number; readonly offset: bigint } | undefined
  readonly eventfds?: readonly RegionEventfd[]
  /**
   * Fills `into` from `offset`. Any length: a client reads all of config space at once. What is thrown, or rejected, is
   * answered with its errno (EIO where it has none); hardware that does not answer reads as all ones instead.
   *
   * Of a promise: everything that the client asks for later waits for it. It must not wait for `memory` that comes by
   * messages: QEMU answers nothing while one of its processors waits for an access.
   */
  read(offset: bigint, into: Uint8Array): void | Promise<void>
  /** Writes `from` at `offset`. The bytes are good until it returns. */
  write(offset: bigint, from: Uint8Array): void | Promise<void>
}

/** Memory of the client's that the device may reach, until it is unmapped. */
export interface ClientMapping {
  readonly address: bigint
  readonly size: bigint
  readonly access: DmaAccess
  /** The file that holds it, where the client passed one; otherwise it can be reached by messages only. */
  readonly file: { readonly fd: number; readonly offset: bigint } | undefined
  /**
   * The memory in this process, mapped at the first call; undefined where there is no file, or it cannot be mapped.
   * Lives as long as the mapping.
   */
  memory(): DmaMemory | undefined
}

/** The client's memory as the device reaches it: through the mappings, and nowhere else. */
export interface ClientMemory {
  readonly mappings: readonly ClientMapping[]
  /**
   * All of a range as bytes of this process: a view, good until the range is unmapped, so do not keep it over an `await`.
   * Undefined where the range is not in one mapping, or is to be reached by messages. Bytes that are written to it must be
   * told with `markDirty`.
   */
  view(address: bigint, size: number, access: DmaAccess): Uint8Array | undefined
  /**
   * Reads, at once or by messages. @throws QuiesceError `DMA_ACCESS` if the device may not read there, or the client did
   * not answer in time
   */
  read(address: bigint, into: Uint8Array): void | Promise<void>
  /** Writes; the bytes must stay as they are until it is done. @throws QuiesceError as `read` */
  write(address: bigint, from: Uint8Array): void | Promise<void>
  /** Bytes that were written through a view: they are dirty to a client that migrates. */
  markDirty(address: bigint, size: number): void
}

/** The client as the device reaches it, from `connect` on, until `quiesce` is over. */
export interface ServedClient {
  readonly memory: ClientMemory
  /** Signals a vector. False where the client gave it no eventfd, or has masked it: it is then signalled at its unmasking. */
  signal(kind: InterruptKind, vector: number): boolean
}

/** Migration, version 2 (`VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE`): the device's part of it. */
export interface DeviceMigration {
  /** The device stops: after this it touches no memory and signals nothing. */
  stop(): void | Promise<void>
  run(): void | Promise<void>
  /** The device's whole state, while it is stopped. */
  save(): Uint8Array
  /** Takes a state that `save` made. @throws QuiesceError if it is none */
  load(state: Uint8Array): void
}

export interface ServedDevice {
  /** For events: `0000:03:00.0`, `sim:edu`. */
  readonly name: string
  /** By VFIO's region index: BARs 0-5, ROM 6, config space 7, VGA 8. Config space must be there. */
  readonly regions: readonly (ServedRegion | undefined)[]
  interruptInfo(kind: InterruptKind): InterruptInfo
  /** Whether `reset` works (`VFIO_DEVICE_FLAGS_RESET`). */
  readonly canReset: boolean
  /** Migration; with it comes the log of dirty pages, which the server keeps. */
  readonly migration?: DeviceMigration | undefined
  /** A client is there: its memory and its interrupts come one by one from now on. */
  connect?(client: ServedClient): void
  /** Has the device reset. A failure is answered with its errno. Until it is over, nothing else is asked. */
  reset(): Promise<KernelOutcome>
  /**
   * The client is gone, or made no sense any more: no DMA and no interrupt of the device after this, and its state is that
   * of a reset. Its interrupts, then its memory, are taken back afterwards, whatever came of it.
   *
   * Rejects where that could not be had. No other client is let in then: it is called again when one comes, and has to end
   * well first.
   */
  quiesce(): Promise<void>
  /**
   * Whether no client may be let in before `reclaim` has ended well: an earlier one may have kept a file with which it
   * reaches the device.
   */
  readonly mustBeReclaimed?: boolean
  /**
   * Nothing of the client's is mapped any more, and its interrupts are gone. Makes sure that nothing of the device is left
   * with it, where that is not so by itself. Rejects where it cannot: as with `quiesce`, it is then called again when the
   * next client comes, and has to end well first.
   */
  reclaim?(): Promise<void>
  /** The device may reach this from now on, or once what is returned is fulfilled. What it throws refuses the request. */
  mapMemory?(mapping: ClientMapping): void | Promise<void>
  /** It may not reach this any more. When this is over nothing of the device touches it. */
  unmapMemory?(mapping: ClientMapping): void | Promise<void>
  /**
   * Where the vectors of a kind go, from vector 0 on; none at all: the kind is off. For devices whose interrupts the
   * kernel delivers; others only call `signal`. What it throws refuses the request.
   */
  setInterrupts?(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void
  /**
   * The client has masked or unmasked a vector. `signal` keeps to that by itself; a device whose line is still high at an
   * unmasking signals again.
   */
  maskInterrupt?(kind: InterruptKind, vector: number, masked: boolean): void
  /** The kernel unmasks by this eventfd; without it the server watches the eventfd and unmasks. */
  readonly unmaskInterruptBy?: ((kind: InterruptKind, eventfd: number | undefined) => void) | undefined
}
