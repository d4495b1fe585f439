// An NVMe controller's registers (NVM Express Base 1.4, 3.1): it is enabled, disabled and shut down here.
import type { BarHandlers, RegisterWidth } from '../../src/kit/device-model.js'
import type { DeviceSession } from '../../src/kit/device-session.js'
import { readWords, type WordBank, writeWords } from '../../src/kit/word-registers.js'
import { nvmeRegister } from '../../src/sim/models/nvme-controller.js'
import type { BlockStore } from './block-store.js'
import { EnabledController } from './enabled-controller.js'
import {
  AdminQueueAttributes,
  CapabilitiesHigh,
  CapabilitiesLow,
  Configuration,
  ControllerStatus,
  pageSize,
  shutdownStatus,
} from './entries.js'
import { identity, limits } from './limits.js'

/** Submission and completion doorbells by turns (3.1.24), for the admin queue and every other. */
const doorbells = { start: nvmeRegister.adminSubmissionDoorbell, count: 2 * (limits.ioQueues + 1) } as const

const capabilities = {
  // Becomes ready within 10 s, in units of 500 ms.
  low: CapabilitiesLow.encode({ queueEntries: limits.queueEntries - 1, contiguous: true, timeout: 20 }),
  high: CapabilitiesHigh.encode({ nvmCommands: true }),
} as const

/** Those that a host writes and reads back, and only while it is disabled. */
const queueWords: readonly number[] = [
  nvmeRegister.adminQueueAttributes,
  nvmeRegister.adminSubmissionQueue,
  nvmeRegister.adminSubmissionQueue + 4,
  nvmeRegister.adminCompletionQueue,
  nvmeRegister.adminCompletionQueue + 4,
]

export class NvmeDiskController implements BarHandlers, WordBank {
  readonly #session: DeviceSession
  readonly #store: BlockStore
  readonly #serial: string
  readonly #words = new Map<number, number>()
  #configuration = 0
  #shutdown: number = shutdownStatus.none
  #isReady = false
  #isFatal = false
  #enabled: EnabledController | undefined
  /** The end of what was enabled before: until then it is not enabled again. */
  #closing: Promise<void> = Promise.resolve()

  constructor(session: DeviceSession, store: BlockStore, serial: string) {
    this.#session = session
    this.#store = store
    this.#serial = serial
  }

  read(_bar: number, offset: number, width: RegisterWidth): bigint {
    return readWords(this, offset, width)
  }

  write(_bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    writeWords(this, offset, width, value)
  }

  readWord(offset: number): number {
    switch (offset) {
      case nvmeRegister.capabilities:
        return capabilities.low
      case nvmeRegister.capabilities + 4:
        return capabilities.high
      case nvmeRegister.version:
        return identity.version
      case nvmeRegister.interruptMaskSet:
      case nvmeRegister.interruptMaskClear:
        return this.#enabled?.interruptMask ?? 0
      case nvmeRegister.configuration:
        return this.#configuration
      case nvmeRegister.status:
        return ControllerStatus.encode({ ready: this.#isReady, fatal: this.#isFatal, shutdown: this.#shutdown })
      default:
        return this.#words.get(offset) ?? 0
    }
  }

  writeWord(offset: number, value: number): void {
    const doorbell = (offset - doorbells.start) / 4
    if (doorbell >= 0 && doorbell < doorbells.count) this.#ring(doorbell, value)
    else if (offset === nvmeRegister.configuration) this.#configure(value)
    else if (offset === nvmeRegister.interruptMaskSet) this.#enabled?.mask(value)
    else if (offset === nvmeRegister.interruptMaskClear) this.#enabled?.unmask(value)
    else if (queueWords.includes(offset) && this.#enabled === undefined) this.#words.set(offset, value)
  }

  #ring(doorbell: number, value: number): void {
    if (!this.#isReady || this.#isFatal) return
    const queue = doorbell >> 1
    if ((doorbell & 1) === 0) this.#enabled?.ringSubmission(queue, value & 0xffff)
    else this.#enabled?.ringCompletion(queue, value & 0xffff)
  }

  #configure(value: number): void {
    const was = Configuration.decode(this.#configuration)
    const is = Configuration.decode(value)
    this.#configuration = value
    if (is.enable && !was.enable) this.#enable()
    else if (!is.enable && was.enable) this.#disable()
    if (is.shutdown !== 0 && was.shutdown === 0) void this.#shutDown()
    else if (is.shutdown === 0) this.#shutdown = shutdownStatus.none
  }

  #enable(): void {
    const { memoryPageSize, commandSet } = Configuration.decode(this.#configuration)
    const attributes = AdminQueueAttributes.decode(this.readWord(nvmeRegister.adminQueueAttributes))
    const adminSubmission = this.#place(nvmeRegister.adminSubmissionQueue, attributes.submission)
    const adminCompletion = this.#place(nvmeRegister.adminCompletionQueue, attributes.completion)
    const isPossible = [adminSubmission, adminCompletion].every(
      ({ address, entries }) => address % BigInt(pageSize) === 0n && entries > 1,
    )
    if (memoryPageSize !== 0 || commandSet !== 0 || !isPossible) {
      this.#isFatal = true
      return
    }
    const session = this.#session.open()
    const enabled = new EnabledController({
      session,
      store: this.#store,
      serial: this.#serial,
      adminSubmission,
      adminCompletion,
      fatal: () => {
        this.#isFatal = true
      },
    })
    this.#enabled = enabled
    void this.#becomeReady(enabled)
  }

  /** Not before all that an earlier user left under way has ended, in memory and in the file. */
  async #becomeReady(enabled: EnabledController): Promise<void> {
    await this.#closing
    await this.#store.settled()
    if (this.#enabled === enabled && !enabled.session.isOver) this.#isReady = true
  }

  /** A controller reset (7.3.2): what is under way is over, and CSTS.RDY goes once nothing of it can land any more. */
  #disable(): void {
    const ended = this.#enabled
    this.#enabled = undefined
    this.#session.lowerIntx()
    const close = async (): Promise<void> => {
      await ended?.session.end()
      await this.#store.settled()
      if (this.#enabled !== undefined) return
      this.#isReady = false
      this.#isFatal = false
    }
    this.#closing = close()
  }

  /** 7.6.2: what was written is on the disk before the host turns the power off. */
  async #shutDown(): Promise<void> {
    this.#shutdown = shutdownStatus.processing
    await this.#store.flush().catch(() => {})
    if (!this.#session.isOver && this.#shutdown === shutdownStatus.processing) this.#shutdown = shutdownStatus.complete
  }

  #place(register: number, lastEntry: number): { id: number; address: bigint; entries: number } {
    const address = BigInt(this.readWord(register)) | (BigInt(this.readWord(register + 4)) << 32n)
    return { id: 0, address, entries: lastEntry + 1 }
  }
}
