// Flags and numbers of <linux/kvm.h>, under the names that it gives them.

const bit = (number: number): number => 2 ** number

export const kvmConstant = {
  KVM_API_VERSION: 12,

  KVM_CAP_IRQCHIP: 0,
  KVM_CAP_USER_MEMORY: 3,
  KVM_CAP_IRQ_ROUTING: 25,
  KVM_CAP_IRQFD: 32,
  KVM_CAP_SIGNAL_MSI: 77,
  KVM_CAP_IRQFD_RESAMPLE: 82,
  KVM_CAP_IMMEDIATE_EXIT: 136,

  KVM_MEM_READONLY: bit(1),

  KVM_IRQCHIP_IOAPIC: 2,
  KVM_IRQ_ROUTING_IRQCHIP: 1,
  KVM_IRQ_ROUTING_MSI: 2,

  KVM_IRQFD_FLAG_DEASSIGN: bit(0),
  KVM_IRQFD_FLAG_RESAMPLE: bit(1),

  KVM_EXIT_IO_OUT: 1,
} as const

/** What KVM_RUN returned for. */
export const kvmExitReason = {
  KVM_EXIT_UNKNOWN: 0,
  KVM_EXIT_IO: 2,
  KVM_EXIT_HLT: 5,
  KVM_EXIT_MMIO: 6,
  KVM_EXIT_SHUTDOWN: 8,
  KVM_EXIT_FAIL_ENTRY: 9,
  KVM_EXIT_INTR: 10,
  KVM_EXIT_INTERNAL_ERROR: 17,
  KVM_EXIT_SYSTEM_EVENT: 24,
} as const
