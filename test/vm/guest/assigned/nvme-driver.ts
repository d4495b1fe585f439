// In the guest's guest: as much of an NVMe driver as it takes to ask the controller who it is (NVMe base specification 2.0,
// 3.1.3 registers, 3.3.3 queues, 5.17 Identify). Queues and data lie in the guest's memory.
import type { GuestFunction } from './guest-function.js'
import type { TestMemory } from './test-memory.js'
import { until } from './until.js'

const register = {
  version: 0x08n,
  configuration: 0x14n,
  status: 0x1cn,
  queueSizes: 0x24n,
  submission: 0x28n,
  completion: 0x30n,
}
const doorbell = { submission: 0x1000n, completion: 0x1004n }
const ready = 1
const entries = 8
const submissionSize = 64
const completionSize = 16
/** CC: EN, and the sizes of the queues' entries as powers of two. */
const enable = 1 | (6 << 16) | (4 << 20)
const identify = { opcode: 0x06, controller: 1 } as const

export interface ControllerIdentity {
  readonly vendor: number
  readonly serial: string
  readonly model: string
}

export class NvmeDriver {
  readonly #guest: GuestFunction
  readonly #queue
  readonly #completions
  readonly #data
  #tail = 0
  #head = 0
  #phase = 1
  #command = 0

  /** @param page the first of three pages of the guest's memory */
  constructor(guest: GuestFunction, memory: TestMemory, page: number) {
    this.#guest = guest
    this.#queue = memory.page(page)
    this.#completions = memory.page(page + 1)
    this.#data = memory.page(page + 2)
  }

  get version(): number {
    return this.#guest.read32(0, register.version)
  }

  get isReady(): boolean {
    return (this.#guest.read32(0, register.status) & ready) !== 0
  }

  /** Sets the admin queues up and starts the controller. Whether it is ready. */
  async start(): Promise<boolean> {
    const guest = this.#guest
    guest.write32(0, register.configuration, 0)
    if (!(await until(() => !this.isReady))) return false
    this.#completions.bytes.fill(0)
    this.#tail = 0
    this.#head = 0
    this.#phase = 1
    guest.write32(0, register.queueSizes, (entries - 1) | ((entries - 1) << 16))
    for (const [at, queue] of [
      [register.submission, this.#queue],
      [register.completion, this.#completions],
    ] as const) {
      guest.write32(0, at, Number(queue.address & 0xffff_ffffn))
      guest.write32(0, at + 4n, Number(queue.address >> 32n))
    }
    guest.write32(0, register.configuration, enable)
    return until(() => this.isReady)
  }

  /** Asks the controller who it is. */
  submitIdentify(): void {
    this.#data.bytes.fill(0)
    const { view } = this.#queue
    const at = this.#tail * submissionSize
    for (let i = 0; i < submissionSize; i += 4) view.setUint32(at + i, 0, true)
    view.setUint32(at, identify.opcode | (++this.#command << 16), true)
    view.setBigUint64(at + 24, this.#data.address, true)
    view.setUint32(at + 40, identify.controller, true)
    this.#tail = (this.#tail + 1) % entries
    this.#guest.write32(0, doorbell.submission, this.#tail)
  }

  /** Whether an entry of the completion queue is new: its phase bit says so. */
  get hasCompletion(): boolean {
    return (this.#completions.view.getUint16(this.#head * completionSize + 14, true) & 1) === this.#phase
  }

  /** Takes the next completion; its status, 0 for success, and what the controller said. */
  complete(): { readonly status: number; readonly command: boolean; readonly identity: ControllerIdentity } {
    const at = this.#head * completionSize
    const status = this.#completions.view.getUint16(at + 14, true) >> 1
    const command = this.#completions.view.getUint16(at + 12, true) === this.#command
    this.#head = (this.#head + 1) % entries
    if (this.#head === 0) this.#phase ^= 1
    this.#guest.write32(0, doorbell.completion, this.#head)
    const text = (from: number, to: number) =>
      Buffer.from(this.#data.bytes.subarray(from, to)).toString('latin1').trim()
    const vendor = this.#data.view.getUint16(0, true)
    return { status, command, identity: { vendor, serial: text(4, 24), model: text(24, 64) } }
  }
}
