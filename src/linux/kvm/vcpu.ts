import type { StructValue } from '../../bits/struct.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { blockingIoctl } from '../blocking-ioctl.js'
import { errnoName } from '../errno.js'
import { FileBytes } from '../file-bytes.js'
import type { FileDescriptor } from '../file-descriptor.js'
import { ioctl, ioctlName, tryIoctl } from '../ioctl.js'
import { systemCallError } from '../system-call-error.js'
import { kvmIoctl } from './abi/ioctls.js'
import { kvmRegs, kvmRun, kvmSregs } from './abi/structs.js'
import { decodeExit, exitData, type VcpuExit } from './vcpu-exit.js'

export type Registers = StructValue<typeof kvmRegs.fields>
export type SystemRegisters = StructValue<typeof kvmSregs.fields>

/** A virtual processor. It runs on a thread of its own while `run` is awaited, and stands still otherwise. */
export class Vcpu implements Disposable {
  readonly #file: FileDescriptor
  readonly #shared: FileBytes
  #isRunning = false
  #isOpen = true

  /** Takes over `file`; `areaSize` is what KVM_GET_VCPU_MMAP_SIZE says. */
  constructor(file: FileDescriptor, areaSize: number) {
    this.#file = file
    this.#shared = new FileBytes(file.fd, 0n, BigInt(areaSize), 'read-write')
  }

  /** `struct kvm_run`, which the kernel shares, and the data of accesses to ports behind it. */
  get #area(): Uint8Array {
    return this.#shared.view(0n, Number(this.#shared.size))
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  get registers(): Registers {
    const bytes = new Uint8Array(kvmRegs.size)
    ioctl('read the registers of a processor', this.#stopped(), kvmIoctl.KVM_GET_REGS, bytes)
    return kvmRegs.decode(bytes)
  }

  set registers(values: Partial<Registers>) {
    ioctl('set the registers of a processor', this.#stopped(), kvmIoctl.KVM_SET_REGS, kvmRegs.encode(values))
  }

  get systemRegisters(): SystemRegisters {
    const bytes = new Uint8Array(kvmSregs.size)
    ioctl('read the system registers of a processor', this.#stopped(), kvmIoctl.KVM_GET_SREGS, bytes)
    return kvmSregs.decode(bytes)
  }

  set systemRegisters(values: Partial<SystemRegisters>) {
    ioctl('set the system registers of a processor', this.#stopped(), kvmIoctl.KVM_SET_SREGS, kvmSregs.encode(values))
  }

  /**
   * Runs until something has to be done that the kernel does not do by itself.
   * @throws QuiesceError `SYSTEM` if the kernel does not run it
   */
  async run(): Promise<VcpuExit> {
    this.#stopped()
    this.#isRunning = true
    try {
      for (;;) {
        const result = await blockingIoctl(this.#file, kvmIoctl.KVM_RUN)
        if (result.ok) return decodeExit(this.#area)
        // A signal to the process ended it, or it was not time yet.
        const name = errnoName(result.errno)
        if (name !== 'EINTR' && name !== 'EAGAIN') throw runError(result.errno)
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** What the guest reads by the access that it stopped for. Missing bytes are all ones, as on a bus. */
  answer(data: Uint8Array): void {
    this.#stopped()
    const { offset, length } = exitData(this.#area) ?? { offset: 0, length: 0 }
    const into = this.#area.subarray(offset, offset + length)
    into.fill(0xff)
    into.set(data.subarray(0, length))
  }

  /**
   * Ends the instruction that it stopped in, without running on. Before the registers are set, since otherwise the end of
   * that instruction would change them.
   */
  finishExit(): void {
    const fd = this.#stopped()
    const area = this.#area
    area[kvmRun.offsets.immediate_exit] = 1
    try {
      // Returns at once, with EINTR.
      tryIoctl(fd, kvmIoctl.KVM_RUN, 0)
    } finally {
      area[kvmRun.offsets.immediate_exit] = 0
    }
  }

  /** It must stand still. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#stopped()
    this.#isOpen = false
    this.#shared[Symbol.dispose]()
    this.#file[Symbol.dispose]()
  }

  #stopped(): number {
    if (!this.#isOpen) throw new QuiesceError('CLOSED', 'Cannot use a processor: it is closed')
    if (this.#isRunning) throw new QuiesceError('USAGE', 'Cannot use a processor: it is running')
    return this.#file.fd
  }
}

function runError(errno: number): QuiesceError {
  return systemCallError({ action: 'run a processor', syscall: ioctlName(kvmIoctl.KVM_RUN), errno })
}
