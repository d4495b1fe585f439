// The ioctl numbers of <linux/kvm.h>. Most have the direction and the size of their struct in the number.
import type { IoctlCommand } from '../../ioctl.js'
import { kvmIrqfd, kvmIrqRouting, kvmMsi, kvmRegs, kvmSregs, kvmUserspaceMemoryRegion } from './structs.js'

/** `_IOC_NONE`, `_IOC_WRITE` and `_IOC_READ` of x86, arm64 and riscv64. */
const direction = { none: 0, write: 1, read: 2 } as const
const kvmType = 0xae

/** `struct kvm_lapic_state`, of which only the size matters here (KVM_APIC_REG_SIZE). */
export const lapicState = { size: 0x400 } as const

interface Declaration {
  readonly number: number
  readonly direction: keyof typeof direction
  readonly size: number
}

const none = (number: number): Declaration => ({ number, direction: 'none', size: 0 })
const writes = (number: number, { size }: { size: number }): Declaration => ({ number, direction: 'write', size })
const reads = (number: number, { size }: { size: number }): Declaration => ({ number, direction: 'read', size })

function table<const T extends Readonly<Record<string, Declaration>>>(
  declarations: T,
): { readonly [K in keyof T]: IoctlCommand } {
  const entries = Object.entries(declarations).map(([name, declared]) => {
    const { number, size } = declared
    const request = ((direction[declared.direction] << 30) | (size << 16) | (kvmType << 8) | number) >>> 0
    return [name, { name, request }]
  })
  return Object.fromEntries(entries) as { readonly [K in keyof T]: IoctlCommand }
}

export const kvmIoctl = table({
  // On /dev/kvm.
  KVM_GET_API_VERSION: none(0x00),
  KVM_CREATE_VM: none(0x01),
  KVM_CHECK_EXTENSION: none(0x03),
  KVM_GET_VCPU_MMAP_SIZE: none(0x04),
  // On a virtual machine.
  KVM_CREATE_VCPU: none(0x41),
  KVM_SET_USER_MEMORY_REGION: writes(0x46, kvmUserspaceMemoryRegion),
  KVM_SET_TSS_ADDR: none(0x47),
  KVM_CREATE_IRQCHIP: none(0x60),
  KVM_SET_GSI_ROUTING: writes(0x6a, kvmIrqRouting),
  KVM_IRQFD: writes(0x76, kvmIrqfd),
  KVM_SIGNAL_MSI: writes(0xa5, kvmMsi),
  // On a virtual processor.
  KVM_RUN: none(0x80),
  KVM_GET_REGS: reads(0x81, kvmRegs),
  KVM_SET_REGS: writes(0x82, kvmRegs),
  KVM_GET_SREGS: reads(0x83, kvmSregs),
  KVM_SET_SREGS: writes(0x84, kvmSregs),
  KVM_GET_LAPIC: reads(0x8e, lapicState),
  KVM_SET_LAPIC: writes(0x8f, lapicState),
})
