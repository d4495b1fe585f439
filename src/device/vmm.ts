// What an assigned device needs of the virtual machine monitor that it is plugged into, and nothing else. Whoever
// implements it lends the services of the guest's machine: address space, interrupts, and where its memory lies.
//
// Everything that is lent is a Disposable: disposing it takes it back. Data goes from file to file wherever the kernel
// can do it: BARs as (descriptor, offset, size), interrupts as eventfds.
import type { DmaAccess, DmaBacking } from '../function/dma.js'
import type { InterruptDestination } from '../function/interrupts.js'

/** Guest physical memory, or x86 port space. */
export type AddressSpace = 'memory' | 'port'

/** A part of a device's file. */
export interface FileRange {
  readonly fd: number
  readonly offset: bigint
  readonly size: bigint
  readonly writable: boolean
}

/** Answers a guest's accesses to a trapped range; offsets count from the start of that range. It never throws. */
export interface AccessHandler {
  /** Fills `into`, of 1 to 8 bytes, aligned or not. */
  read(offset: bigint, into: Uint8Array): void
  write(offset: bigint, from: Uint8Array): void
}

/** The memory write that an interrupt message is. */
export interface MsiMessage {
  readonly address: bigint
  readonly data: number
}

/** A way for one message-signalled vector into the guest. */
export interface MessageRoute extends Disposable {
  /** Where the device's signal goes: an eventfd that the kernel turns into the message, or a callback that sends it. */
  readonly destination: InterruptDestination
  /** The guest programmed the vector. Called before the first signal. */
  setMessage(message: MsiMessage): void
  /** Sends the message now: an interrupt that was pending while the vector was masked. */
  trigger(): void
}

/** A level-triggered interrupt line of the guest. */
export interface LineRoute extends Disposable {
  /** Raises the line. */
  readonly destination: InterruptDestination
  /**
   * An eventfd that the VMM signals (KVM: the resample descriptor of an irqfd) at the guest's end of interrupt, where it
   * has one. The kernel unmasks by it, where the device's maker can, and `onResample` need not be called then.
   */
  readonly resample?: number
  /** Takes the line back without the guest's doing. */
  lower(): void
}

export interface GuestInterrupts {
  openMessage(): MessageRoute
  /**
   * Opens INTA# (1) to INTD# (4). When the guest ends the interrupt the VMM lowers the line and calls `onResample`: the
   * device is asked then whether it still wants service.
   */
  openLine(pin: number, onResample: () => void): LineRoute
}

/** A range of the guest's memory, and what backs it. */
export interface GuestMemoryRange {
  readonly guestAddress: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly backing: DmaBacking
}

/** The guest's memory, which changes while it runs: hotplug, ballooning, a moved framebuffer. */
export interface GuestMemory {
  /**
   * No two overlap. A range is announced as it may go again later: the IOMMU takes no mapping apart. A descriptor or a
   * buffer names the same memory for as long as a range is announced with it.
   */
  readonly ranges: readonly GuestMemoryRange[]
  /**
   * Calls `listener` after every change; dispose to stop. Once it returns, no device reaches what is gone from `ranges`,
   * and only then may that memory be given to somebody else.
   */
  onChange(listener: () => void): Disposable
}

/** The VMM's side of the slot that a device is plugged into. */
export interface Vmm {
  /** The smallest unit of `map`. */
  readonly pageSize: bigint
  /** Shows `source` to the guest at `address`, without exits. Throws where it cannot. */
  map(address: bigint, source: FileRange): Disposable
  /** Has accesses to a range answered by `handler`. Throws where it cannot. */
  trap(space: AddressSpace, address: bigint, size: bigint, handler: AccessHandler): Disposable
  readonly interrupts: GuestInterrupts
  readonly memory: GuestMemory
}
