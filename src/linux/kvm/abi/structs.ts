// The structs of <linux/kvm.h> for x86. Members of nested structs stand under their full name, as in `offsetof`.
import { type ScalarType, type StructFields, struct } from '../../../bits/struct.js'

type Nested<N extends string, F extends StructFields> = {
  readonly [K in keyof F & string as `${N}.${K}`]: F[K]
}

/** The members of a struct that is a member itself. */
function nested<const N extends string, const F extends StructFields>(name: N, fields: F): Nested<N, F> {
  const entries = Object.entries(fields).map(([field, type]) => [`${name}.${field}`, type])
  return Object.fromEntries(entries) as Nested<N, F>
}

/** An array that nobody looks into, which only takes its place. */
function filler(name: string, type: ScalarType, from: number, count: number): Readonly<Record<never, ScalarType>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${name}[${from + index}]`, type]))
}

export const kvmUserspaceMemoryRegion = struct('kvm_userspace_memory_region', {
  slot: 'u32',
  flags: 'u32',
  guest_phys_addr: 'u64',
  memory_size: 'u64',
  userspace_addr: 'u64',
})

/** Followed by `nr` entries. */
export const kvmIrqRouting = struct('kvm_irq_routing', { nr: 'u32', flags: 'u32' })

const routingHead = { gsi: 'u32', type: 'u32', flags: 'u32', pad: 'u32' } as const

/** `struct kvm_irq_routing_entry` of type KVM_IRQ_ROUTING_MSI. */
export const kvmMsiRoutingEntry = struct('kvm_irq_routing_entry', {
  ...routingHead,
  ...nested('u.msi', { address_lo: 'u32', address_hi: 'u32', data: 'u32', devid: 'u32' }),
  ...filler('u.pad', 'u32', 4, 4),
})

/** `struct kvm_irq_routing_entry` of type KVM_IRQ_ROUTING_IRQCHIP. */
export const kvmPinRoutingEntry = struct('kvm_irq_routing_entry', {
  ...routingHead,
  ...nested('u.irqchip', { irqchip: 'u32', pin: 'u32' }),
  ...filler('u.pad', 'u32', 2, 6),
})

export const kvmIrqfd = struct('kvm_irqfd', {
  fd: 'u32',
  gsi: 'u32',
  flags: 'u32',
  resamplefd: 'u32',
  ...filler('pad', 'u8', 0, 16),
})

export const kvmMsi = struct('kvm_msi', {
  address_lo: 'u32',
  address_hi: 'u32',
  data: 'u32',
  flags: 'u32',
  devid: 'u32',
  ...filler('pad', 'u8', 0, 12),
})

export const kvmRegs = struct('kvm_regs', {
  rax: 'u64',
  rbx: 'u64',
  rcx: 'u64',
  rdx: 'u64',
  rsi: 'u64',
  rdi: 'u64',
  rsp: 'u64',
  rbp: 'u64',
  r8: 'u64',
  r9: 'u64',
  r10: 'u64',
  r11: 'u64',
  r12: 'u64',
  r13: 'u64',
  r14: 'u64',
  r15: 'u64',
  rip: 'u64',
  rflags: 'u64',
})

const segment = {
  base: 'u64',
  limit: 'u32',
  selector: 'u16',
  type: 'u8',
  present: 'u8',
  dpl: 'u8',
  db: 'u8',
  s: 'u8',
  l: 'u8',
  g: 'u8',
  avl: 'u8',
  unusable: 'u8',
  padding: 'u8',
} as const

/** Its padding is part of it: what follows is aligned by 8. */
const table = { base: 'u64', limit: 'u16' } as const

export const kvmSregs = struct('kvm_sregs', {
  ...nested('cs', segment),
  ...nested('ds', segment),
  ...nested('es', segment),
  ...nested('fs', segment),
  ...nested('gs', segment),
  ...nested('ss', segment),
  ...nested('tr', segment),
  ...nested('ldt', segment),
  ...nested('gdt', table),
  ...nested('idt', table),
  cr0: 'u64',
  cr2: 'u64',
  cr3: 'u64',
  cr4: 'u64',
  cr8: 'u64',
  efer: 'u64',
  apic_base: 'u64',
  ...filler('interrupt_bitmap', 'u64', 0, 4),
})

const runHead = {
  request_interrupt_window: 'u8',
  immediate_exit: 'u8',
  ...filler('padding1', 'u8', 0, 6),
  exit_reason: 'u32',
  ready_for_interrupt_injection: 'u8',
  if_flag: 'u8',
  flags: 'u16',
  cr8: 'u64',
  apic_base: 'u64',
} as const

/** The beginning of `struct kvm_run`, whatever the processor stopped for. */
export const kvmRun = struct('kvm_run', runHead)

/** `struct kvm_run` after KVM_EXIT_IO; the data lie at `io.data_offset`. */
export const kvmRunIo = struct('kvm_run', {
  ...runHead,
  ...nested('io', { direction: 'u8', size: 'u8', port: 'u16', count: 'u32', data_offset: 'u64' }),
})

/** `struct kvm_run` after KVM_EXIT_MMIO; `data` is eight bytes. */
export const kvmRunMmio = struct('kvm_run', {
  ...runHead,
  ...nested('mmio', { phys_addr: 'u64' }),
  ...filler('mmio.data', 'u8', 0, 8),
  ...nested('mmio', { len: 'u32', is_write: 'u8' }),
})

/** `struct kvm_run` after KVM_EXIT_FAIL_ENTRY. */
export const kvmRunFailEntry = struct('kvm_run', {
  ...runHead,
  ...nested('fail_entry', { hardware_entry_failure_reason: 'u64' }),
})

/** `struct kvm_run` after KVM_EXIT_INTERNAL_ERROR. */
export const kvmRunInternalError = struct('kvm_run', { ...runHead, ...nested('internal', { suberror: 'u32' }) })
