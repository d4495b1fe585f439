// A minimal NVMe controller (NVM Express Base 1.4): enable and disable, the admin queue, Identify by DMA, MSI-X. Every
// other command ends with Invalid Command Opcode.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import type { RegisterWidth } from '../../kit/device-model.js'
import { readWords, type WordBank, writeWords } from '../../kit/word-registers.js'
import type { DeviceHost, DeviceLogic, DmaRequest } from '../device-logic.js'
import { readRegister, writeRegister } from '../region-access.js'
import type { ScheduledEvent } from '../virtual-clock.js'

/** Offsets of the controller registers (3.1). */
export const nvmeRegister = {
  capabilities: 0x00,
  version: 0x08,
  interruptMaskSet: 0x0c,
  interruptMaskClear: 0x10,
  configuration: 0x14,
  status: 0x1c,
  adminQueueAttributes: 0x24,
  adminSubmissionQueue: 0x28,
  adminCompletionQueue: 0x30,
  adminSubmissionDoorbell: 0x1000,
  adminCompletionDoorbell: 0x1004,
} as const

/** CC.EN, and CSTS.RDY and CFS (3.1.5, 3.1.6). */
export const nvmeConfiguration = { enable: 0x1, shutdown: 0xc000 } as const
export const nvmeStatus = { ready: 0x1, fatal: 0x2, shutdownComplete: 0x8 } as const
export const nvmeOpcode = { identify: 0x06 } as const
/** 64-byte submission and 16-byte completion entries (4.2, 4.6); data of Identify (5.15). */
export const nvmeSize = { submission: 64, completion: 16, identify: 4096 } as const

/** CAP: 64 entries (MQES is 0-based), contiguous queues, ready within 1 s, the NVM command set, 4-KiB pages. */
const capabilities = { low: 0x0201_003f, high: 0x0000_0020 }
const version = 0x0001_0400
const readyUs = 1_000
/** From the doorbell to the fetch, and from there to the data. */
const fetchUs = 20
const executeUs = 200
const invalidOpcode = 0x01

const writableWords = new Set<number>([
  nvmeRegister.adminQueueAttributes,
  nvmeRegister.adminSubmissionQueue,
  nvmeRegister.adminSubmissionQueue + 4,
  nvmeRegister.adminCompletionQueue,
  nvmeRegister.adminCompletionQueue + 4,
])

export class NvmeController implements DeviceLogic, WordBank {
  readonly #host: DeviceHost
  readonly #words = new Map<number, number>()
  readonly #pending = new Set<ScheduledEvent>()
  #configuration = 0
  #status = 0
  #submissionHead = 0
  #submissionTail = 0
  #completionTail = 0
  #phase = 1
  #isFetching = false
  #isExecuting = false

  constructor(host: DeviceHost) {
    this.#host = host
  }

  get busy(): boolean {
    return this.#isFetching || this.#isExecuting
  }

  get readPending(): boolean {
    return this.#isFetching
  }

  get dirty(): boolean {
    return this.busy || this.#configuration !== 0 || this.#status !== 0 || this.#words.size > 0
  }

  read(_bar: number, offset: number, width: RegisterWidth): bigint {
    return readWords(this, offset, width)
  }

  write(_bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    writeWords(this, offset, width, value)
  }

  readWord(offset: number): number {
    if (offset === nvmeRegister.capabilities) return capabilities.low
    if (offset === nvmeRegister.capabilities + 4) return capabilities.high
    if (offset === nvmeRegister.version) return version
    if (offset === nvmeRegister.configuration) return this.#configuration
    if (offset === nvmeRegister.status) return this.#status
    return this.#words.get(offset) ?? 0
  }

  writeWord(offset: number, value: number): void {
    if (writableWords.has(offset)) this.#words.set(offset, value)
    else if (offset === nvmeRegister.configuration) this.#configure(value)
    else if (offset === nvmeRegister.adminSubmissionDoorbell) this.#ring(value)
  }

  reset(): void {
    this.#halt()
    this.#words.clear()
    this.#configuration = 0
  }

  // A controller whose request cannot leave ends in a fatal status; nothing resumes by itself.
  gateChanged(): void {}

  #halt(): void {
    for (const event of this.#pending) event.cancel()
    this.#pending.clear()
    this.#status = 0
    this.#submissionHead = 0
    this.#submissionTail = 0
    this.#completionTail = 0
    this.#phase = 1
    this.#isFetching = false
    this.#isExecuting = false
  }

  #later(us: number, run: () => void): void {
    const event = this.#host.clock.schedule(us, () => {
      this.#pending.delete(event)
      run()
    })
    this.#pending.add(event)
  }

  #configure(value: number): void {
    const was = this.#configuration & nvmeConfiguration.enable
    const is = value & nvmeConfiguration.enable
    this.#configuration = value
    if (was !== 0 && is === 0) {
      // A controller reset keeps the admin queue's registers (7.3.2).
      this.#halt()
    } else if (was === 0 && is !== 0) {
      this.#later(readyUs, () => {
        this.#status |= nvmeStatus.ready
      })
    }
    if ((value & nvmeConfiguration.shutdown) !== 0) this.#status |= nvmeStatus.shutdownComplete
  }

  #ring(tail: number): void {
    if ((this.#status & nvmeStatus.ready) === 0) return
    this.#submissionTail = tail % this.#queueSize('submission')
    this.#fetch()
  }

  #fetch(): void {
    if (this.busy || this.#submissionHead === this.#submissionTail) return
    const epoch = this.#host.epoch
    this.#isFetching = true
    this.#later(fetchUs, () => {
      this.#isFetching = false
      const at = this.#address(nvmeRegister.adminSubmissionQueue) + BigInt(this.#submissionHead * nvmeSize.submission)
      const entry = this.#host.dmaRead(at, nvmeSize.submission, epoch)
      if (entry === undefined) {
        this.#fail()
        return
      }
      this.#submissionHead = (this.#submissionHead + 1) % this.#queueSize('submission')
      this.#isExecuting = true
      this.#later(executeUs, () => {
        this.#isExecuting = false
        this.#execute(new DataView(entry.buffer), epoch)
        this.#fetch()
      })
    })
  }

  #execute(command: DataView, epoch: number): void {
    const isIdentify = command.getUint8(0) === nvmeOpcode.identify
    if (isIdentify && !this.#host.dmaWrite(command.getBigUint64(24, true), identifyData(), epoch)) {
      this.#fail()
      return
    }
    const completion = new DataView(new ArrayBuffer(nvmeSize.completion))
    completion.setUint16(8, this.#submissionHead, true)
    completion.setUint16(12, command.getUint16(2, true), true)
    completion.setUint16(14, this.#phase | ((isIdentify ? 0 : invalidOpcode) << 1), true)
    const at = this.#address(nvmeRegister.adminCompletionQueue) + BigInt(this.#completionTail * nvmeSize.completion)
    if (!this.#host.dmaWrite(at, new Uint8Array(completion.buffer), epoch)) {
      this.#fail()
      return
    }
    this.#completionTail = (this.#completionTail + 1) % this.#queueSize('completion')
    if (this.#completionTail === 0) this.#phase ^= 1
    this.#host.raise(0)
  }

  #fail(): void {
    this.#status |= nvmeStatus.fatal
  }

  #queueSize(which: 'submission' | 'completion'): number {
    const attributes = this.readWord(nvmeRegister.adminQueueAttributes)
    return ((which === 'submission' ? attributes : attributes >>> 16) & 0xfff) + 1
  }

  #address(register: number): bigint {
    return BigInt(this.readWord(register)) | (BigInt(this.readWord(register + 4)) << 32n)
  }
}

/** Identify Controller (5.15.2.2): vendor, serial number, model, firmware. */
function identifyData(): Uint8Array {
  const data = new Uint8Array(nvmeSize.identify)
  const view = new DataView(data.buffer)
  const text = (at: number, length: number, value: string): void => {
    for (let i = 0; i < length; i++) data[at + i] = (value[i] ?? ' ').charCodeAt(0)
  }
  view.setUint16(0, 0x1b36, true)
  text(4, 20, 'SIM0001')
  text(24, 40, 'Quiesce simulated NVMe controller')
  text(64, 8, '1.0')
  view.setUint32(80, version, true)
  return data
}

/** Many times what it takes, where an access takes a microsecond. */
const readyLooks = 20_000

function isReady(status: bigint): boolean {
  return (status & BigInt(nvmeStatus.ready)) !== 0n
}

/**
 * Enables the controller and has it Identify itself into memory at `request.iova`. The queues are placed in memory of
 * the function's own, right after the page that is asked for; the controller takes 1 ms to become ready and needs no
 * further help of the guest's to do DMA from then on.
 */
export function startIdentify(fn: PhysicalFunction, request: DmaRequest): void {
  const registers = fn.regions[0]
  if (registers === undefined) {
    throw new QuiesceError('UNSUPPORTED', `Cannot start a transfer: ${fn.address} has no BAR 0`, { device: fn.address })
  }
  const pageSize = fn.dma.pageSize
  const queues = request.iova + (BigInt(request.length ?? nvmeSize.identify) / pageSize + 1n) * pageSize
  const memory = fn.dma.allocate(2n * pageSize)
  if (!fn.dma.mappings.some(({ iova }) => iova === queues)) fn.dma.map(queues, memory, 'read-write')
  const command = new DataView(memory.bytes.buffer, memory.bytes.byteOffset)
  command.setUint8(0, nvmeOpcode.identify)
  command.setUint16(2, 1, true)
  command.setBigUint64(24, request.iova, true)
  command.setUint32(40, 1, true)
  writeRegister(registers, nvmeRegister.adminQueueAttributes, 4, 0x003f_003fn)
  writeRegister(registers, nvmeRegister.adminSubmissionQueue, 8, queues)
  writeRegister(registers, nvmeRegister.adminCompletionQueue, 8, queues + pageSize)
  writeRegister(registers, nvmeRegister.configuration, 4, 0x0046_0001n)
  // 3.1.6: wait for CSTS.RDY. The program is synchronous: time passes with every access.
  for (let looks = 0; !isReady(readRegister(registers, nvmeRegister.status, 4)); looks++) {
    if (looks < readyLooks) continue
    throw new QuiesceError('UNSUPPORTED', `Cannot start a transfer: ${fn.address} does not become ready`, {
      device: fn.address,
    })
  }
  writeRegister(registers, nvmeRegister.adminSubmissionDoorbell, 4, 1n)
}
