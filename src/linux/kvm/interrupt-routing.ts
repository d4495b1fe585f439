// How interrupts get into the guest without this process: the kernel signals an eventfd, and KVM makes of it the message
// or the pin that its routing table names for the eventfd's GSI. The table is always set as a whole.
import { EventFd } from '../eventfd.js'
import type { FileDescriptor } from '../file-descriptor.js'
import { ioctl } from '../ioctl.js'
import { kvmConstant } from './abi/constants.js'
import { kvmIoctl } from './abi/ioctls.js'
import { kvmIrqfd, kvmIrqRouting, kvmMsiRoutingEntry, kvmPinRoutingEntry } from './abi/structs.js'

/** Pins of the I/O APIC; the GSIs of messages follow. */
const pins = 24

/** The memory write that a message-signalled interrupt is. */
export interface Message {
  readonly address: bigint
  readonly data: number
}

/** An eventfd whose signal becomes a message. */
export interface MessageSource extends Disposable {
  readonly eventfd: EventFd
  setMessage(message: Message): void
}

/** An eventfd whose signal raises a pin until the guest ends the interrupt; `resample` is signalled then. */
export interface PinSource extends Disposable {
  readonly eventfd: EventFd
  readonly resample: EventFd
  /** Takes the pin back without the guest's doing. */
  lower(): void
}

export class InterruptRouting {
  readonly #vm: FileDescriptor
  readonly #messages = new Map<number, Message | undefined>()

  constructor(vm: FileDescriptor) {
    this.#vm = vm
  }

  openMessage(): MessageSource {
    const eventfd = new EventFd()
    let gsi = pins
    while (this.#messages.has(gsi)) gsi++
    this.#messages.set(gsi, undefined)
    const irqfd = { fd: eventfd.fd, gsi }
    let isAttached = false
    return {
      eventfd,
      setMessage: (message) => {
        const before = this.#messages.get(gsi)
        this.#messages.set(gsi, message)
        try {
          this.#apply()
        } catch (error) {
          // What is refused must not be in the table when another entry of it changes.
          this.#messages.set(gsi, before)
          throw error
        }
        if (!isAttached) this.#set(irqfd)
        isAttached = true
      },
      [Symbol.dispose]: () => {
        if (!this.#messages.delete(gsi)) return
        try {
          if (isAttached) this.#set({ ...irqfd, flags: kvmConstant.KVM_IRQFD_FLAG_DEASSIGN })
          this.#apply()
        } finally {
          eventfd[Symbol.dispose]()
        }
      },
    }
  }

  /** @param pin of the I/O APIC */
  openPin(pin: number): PinSource {
    this.#apply()
    const [eventfd, resample] = openTwo()
    const irqfd = { fd: eventfd.fd, gsi: pin }
    const attach = () => {
      this.#set({ ...irqfd, resamplefd: resample.fd, flags: kvmConstant.KVM_IRQFD_FLAG_RESAMPLE })
    }
    const detach = () => this.#set({ ...irqfd, flags: kvmConstant.KVM_IRQFD_FLAG_DEASSIGN })
    const close = () => {
      eventfd[Symbol.dispose]()
      resample[Symbol.dispose]()
    }
    let isOpen = true
    try {
      attach()
    } catch (error) {
      close()
      throw error
    }
    return {
      eventfd,
      resample,
      // KVM lowers a pin when the last eventfd leaves it.
      lower: () => {
        detach()
        eventfd.take()
        attach()
      },
      [Symbol.dispose]: () => {
        if (!isOpen) return
        isOpen = false
        try {
          detach()
        } finally {
          close()
        }
      },
    }
  }

  #set(values: Parameters<typeof kvmIrqfd.encode>[0]): void {
    ioctl('connect an eventfd with an interrupt', this.#vm.fd, kvmIoctl.KVM_IRQFD, kvmIrqfd.encode(values))
  }

  #apply(): void {
    const messages = [...this.#messages].flatMap(([gsi, message]) => (message ? [{ gsi, message }] : []))
    const entry = kvmMsiRoutingEntry.size
    const bytes = new Uint8Array(kvmIrqRouting.size + (pins + messages.length) * entry)
    kvmIrqRouting.encode({ nr: pins + messages.length }, bytes)
    for (let pin = 0; pin < pins; pin++) {
      kvmPinRoutingEntry.encode(
        {
          gsi: pin,
          type: kvmConstant.KVM_IRQ_ROUTING_IRQCHIP,
          'u.irqchip.irqchip': kvmConstant.KVM_IRQCHIP_IOAPIC,
          'u.irqchip.pin': pin,
        },
        bytes,
        kvmIrqRouting.size + pin * entry,
      )
    }
    for (const [index, { gsi, message }] of messages.entries()) {
      kvmMsiRoutingEntry.encode(
        {
          gsi,
          type: kvmConstant.KVM_IRQ_ROUTING_MSI,
          'u.msi.address_lo': Number(message.address & 0xffff_ffffn),
          'u.msi.address_hi': Number(message.address >> 32n),
          'u.msi.data': message.data,
        },
        bytes,
        kvmIrqRouting.size + (pins + index) * entry,
      )
    }
    ioctl('route interrupts', this.#vm.fd, kvmIoctl.KVM_SET_GSI_ROUTING, bytes)
  }
}

/** Both or none. */
function openTwo(): readonly [EventFd, EventFd] {
  const first = new EventFd()
  try {
    return [first, new EventFd()]
  } catch (error) {
    first[Symbol.dispose]()
    throw error
  }
}
