// A virtual machine of the kernel's KVM: memory, interrupt controllers, processors. Only what a small VMM needs.
import { existsSync } from 'node:fs'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { FileDescriptor } from '../file-descriptor.js'
import { ioctl, tryIoctl } from '../ioctl.js'
import { kvmConstant } from './abi/constants.js'
import { kvmIoctl, lapicState } from './abi/ioctls.js'
import { kvmMsi, kvmUserspaceMemoryRegion } from './abi/structs.js'
import { InterruptRouting, type Message } from './interrupt-routing.js'
import { Vcpu } from './vcpu.js'

/** Three pages below the BIOS that Intel's processors need where they cannot run a guest in real mode. */
const tssAddress = 0xfffb_d000

const needed = [
  'KVM_CAP_IRQCHIP',
  'KVM_CAP_USER_MEMORY',
  'KVM_CAP_IRQ_ROUTING',
  'KVM_CAP_IRQFD',
  'KVM_CAP_SIGNAL_MSI',
  'KVM_CAP_IRQFD_RESAMPLE',
  'KVM_CAP_IMMEDIATE_EXIT',
] as const

/** A range of the guest's memory, and where it lies in this process. */
export interface MemorySlot {
  readonly guestAddress: bigint
  readonly size: bigint
  readonly hostAddress: bigint
  readonly readOnly?: boolean
}

export class KvmVm implements Disposable {
  readonly interrupts: InterruptRouting
  readonly #kvm: FileDescriptor
  readonly #vm: FileDescriptor
  readonly #slots = new Set<number>()
  readonly #vcpus: Vcpu[] = []

  /** @throws QuiesceError `UNSUPPORTED` if this machine has no KVM, or an old one; `PERMISSION` */
  constructor(path = '/dev/kvm') {
    if (!existsSync(path)) {
      throw new QuiesceError('UNSUPPORTED', `Cannot create a virtual machine: there is no ${path}`, {
        hint: 'Load kvm_intel or kvm_amd, on a processor whose virtualization is switched on in its firmware',
      })
    }
    this.#kvm = FileDescriptor.open(path)
    try {
      this.#assertFits()
      const action = 'create a virtual machine'
      this.#vm = new FileDescriptor(ioctl(action, this.#kvm.fd, kvmIoctl.KVM_CREATE_VM, 0), 'a virtual machine')
      try {
        ioctl(action, this.#vm.fd, kvmIoctl.KVM_SET_TSS_ADDR, tssAddress)
        ioctl(action, this.#vm.fd, kvmIoctl.KVM_CREATE_IRQCHIP, 0)
      } catch (error) {
        this.#vm[Symbol.dispose]()
        throw error
      }
    } catch (error) {
      this.#kvm[Symbol.dispose]()
      throw error
    }
    this.interrupts = new InterruptRouting(this.#vm)
  }

  /** Gives the guest memory of this process. Disposing takes it back, also from a guest that is running. */
  addMemory({ guestAddress, size, hostAddress, readOnly }: MemorySlot): Disposable {
    let slot = 0
    while (this.#slots.has(slot)) slot++
    const region = { slot, guest_phys_addr: guestAddress, userspace_addr: hostAddress }
    const set = (action: string, memorySize: bigint): void => {
      const flags = readOnly === true ? kvmConstant.KVM_MEM_READONLY : 0
      const bytes = kvmUserspaceMemoryRegion.encode({ ...region, flags, memory_size: memorySize })
      ioctl(action, this.#vm.fd, kvmIoctl.KVM_SET_USER_MEMORY_REGION, bytes)
    }
    set(`give a guest memory at 0x${guestAddress.toString(16)}`, size)
    this.#slots.add(slot)
    return {
      [Symbol.dispose]: () => {
        if (!this.#slots.has(slot)) return
        set(`take memory at 0x${guestAddress.toString(16)} from a guest`, 0n)
        this.#slots.delete(slot)
      },
    }
  }

  /** Sends a message now. Whether a processor took it. */
  signalMessage({ address, data }: Message): boolean {
    const parts = { address_lo: Number(address & 0xffff_ffffn), address_hi: Number(address >> 32n), data }
    const bytes = kvmMsi.encode(parts)
    return ioctl('send an interrupt message', this.#vm.fd, kvmIoctl.KVM_SIGNAL_MSI, bytes) > 0
  }

  createVcpu(): Vcpu {
    const action = 'create a processor'
    const size = ioctl(action, this.#kvm.fd, kvmIoctl.KVM_GET_VCPU_MMAP_SIZE, 0)
    const fd = ioctl(action, this.#vm.fd, kvmIoctl.KVM_CREATE_VCPU, this.#vcpus.length)
    const file = new FileDescriptor(fd, 'a processor')
    try {
      // KVM delivers messages by a map, which a processor enters when the state of its local APIC is first set: without
      // this, an INIT does not reach one that has not yet switched its APIC on (seen with Linux 6.18 and 7.3).
      const lapic = new Uint8Array(lapicState.size)
      ioctl(action, fd, kvmIoctl.KVM_GET_LAPIC, lapic)
      ioctl(action, fd, kvmIoctl.KVM_SET_LAPIC, lapic)
      const vcpu = new Vcpu(file, size)
      this.#vcpus.push(vcpu)
      return vcpu
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
  }

  /** Its processors must stand still. */
  [Symbol.dispose](): void {
    for (const vcpu of this.#vcpus) vcpu[Symbol.dispose]()
    this.#vm[Symbol.dispose]()
    this.#kvm[Symbol.dispose]()
  }

  #assertFits(): void {
    const version = ioctl('ask KVM for its version', this.#kvm.fd, kvmIoctl.KVM_GET_API_VERSION, 0)
    if (version !== kvmConstant.KVM_API_VERSION) {
      throw new QuiesceError('UNSUPPORTED', `Cannot create a virtual machine: KVM has version ${version}, not 12`)
    }
    const missing = needed.filter((name) => {
      const result = tryIoctl(this.#kvm.fd, kvmIoctl.KVM_CHECK_EXTENSION, kvmConstant[name])
      return !result.ok || result.value === 0
    })
    if (missing.length === 0) return
    throw new QuiesceError('UNSUPPORTED', `Cannot create a virtual machine: this KVM has no ${missing.join(', ')}`)
  }
}
