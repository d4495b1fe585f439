import type { InterruptKind } from '../../function/interrupts.js'
import { ForwardingDevice } from '../../vfio-user/server/forwarding-device.js'
import type { ClientMapping, ServedClient, ServedDevice } from '../../vfio-user/server/served-device.js'

/** Counts what a client has of a device: its memory, its vectors, and the interrupts that this process sends. */
export class CountedDevice extends ForwardingDevice {
  readonly #sendsInterrupts: boolean
  readonly #vectors = new Map<InterruptKind, number>()
  #maps = 0
  #bytes = 0n
  #signalled = 0

  /** `sendsInterrupts`: they are not the kernel's to deliver. */
  constructor(inner: ServedDevice, sendsInterrupts: boolean) {
    super(inner)
    this.#sendsInterrupts = sendsInterrupts
  }

  counts(): Readonly<Record<string, number>> {
    return {
      dmaMaps: this.#maps,
      dmaBytes: Number(this.#bytes),
      ...(this.#sendsInterrupts ? { signalled: this.#signalled } : {}),
      ...Object.fromEntries(this.#vectors),
    }
  }

  override connect(client: ServedClient): void {
    super.connect({
      memory: client.memory,
      signal: (kind, vector) => {
        const isSent = client.signal(kind, vector)
        if (isSent) this.#signalled++
        return isSent
      },
    })
  }

  override mapMemory(mapping: ClientMapping): void | Promise<void> {
    const count = (): void => {
      this.#maps++
      this.#bytes += mapping.size
    }
    const later = super.mapMemory(mapping)
    if (later !== undefined) return later.then(count)
    count()
  }

  override async unmapMemory(mapping: ClientMapping): Promise<void> {
    this.#maps--
    this.#bytes -= mapping.size
    await super.unmapMemory(mapping)
  }

  override setInterrupts(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    super.setInterrupts(kind, eventfds)
    this.#vectors.set(kind, eventfds.filter((eventfd) => eventfd !== undefined).length)
  }
}
