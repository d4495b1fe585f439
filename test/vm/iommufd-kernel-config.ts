// The configuration of the kernel with IOMMUFD: all that is switched on besides the kernel's own tinyconfig, and off. Everything
// is built in, so that there are no modules.

const groups = {
  'a 64-bit kernel that starts at once': [
    '64BIT',
    'EXPERT',
    'SMP',
    'HYPERVISOR_GUEST',
    'PVH',
    'ACPI',
    'PM',
    'X86_X2APIC',
  ],
  'a console, and results': ['PRINTK', 'BUG', 'TTY', 'UNIX98_PTYS', 'SERIAL_8250', 'SERIAL_8250_CONSOLE'],
  'programs from an initial file system': [
    'BLK_DEV_INITRD',
    'BINFMT_ELF',
    'BINFMT_SCRIPT',
    'MULTIUSER',
    'DEVTMPFS',
    'DEVMEM',
  ],
  'file systems': ['PROC_FS', 'SYSFS', 'TMPFS', 'SHMEM', 'HUGETLBFS', 'FILE_LOCKING'],
  'what Node asks of a kernel': [
    ...['FUTEX', 'EPOLL', 'EVENTFD', 'SIGNALFD', 'TIMERFD', 'AIO', 'MEMBARRIER', 'RSEQ', 'ADVISE_SYSCALLS'],
    ...['POSIX_TIMERS', 'HIGH_RES_TIMERS', 'NO_HZ_IDLE', 'NET', 'UNIX', 'MEMFD_CREATE', 'COMPACTION'],
  ],
  PCI: [
    ...['PCI', 'PCI_MSI', 'PCI_QUIRKS', 'PCIEPORTBUS', 'PCIEAER', 'PCI_ATS', 'PCI_IOV', 'PCI_PF_STUB'],
    ...['HOTPLUG_PCI', 'HOTPLUG_PCI_PCIE'],
  ],
  'the IOMMU': ['IOMMU_SUPPORT', 'INTEL_IOMMU', 'IRQ_REMAP', 'IOMMUFD'],
  VFIO: ['VFIO', 'VFIO_GROUP', 'VFIO_CONTAINER', 'VFIO_IOMMU_TYPE1', 'VFIO_DEVICE_CDEV', 'VFIO_PCI'],
  // SYNC_FILE is there for DMA_SHARED_BUFFER, which has no switch of its own; so is memory hotplug for ZONE_DEVICE.
  'one device to another, by dma-buf': [
    ...['SPARSEMEM_VMEMMAP', 'MEMORY_HOTPLUG', 'MEMORY_HOTREMOVE', 'ZONE_DEVICE', 'PCI_P2PDMA'],
    ...['SYNC_FILE', 'UDMABUF', 'VFIO_PCI_DMABUF'],
  ],
  'guests of the guest': ['CPU_SUP_INTEL', 'CPU_SUP_AMD', 'VIRTUALIZATION', 'KVM', 'KVM_AMD'],
} as const

/** What the kernel switches on by itself, and nobody here needs: each is so much less to compile. */
const off = [
  ...[
    'VT',
    'INPUT',
    'HID_SUPPORT',
    'SERIO',
    'VGA_CONSOLE',
    'HW_RANDOM',
    'INTEL_MEI',
    'HPET',
    'NETWORK_FILESYSTEMS',
    'NLS',
  ],
  ...[
    'ACPI_AC',
    'ACPI_BATTERY',
    'ACPI_BUTTON',
    'ACPI_FAN',
    'ACPI_THERMAL',
    'ACPI_DEBUG',
    'ACPI_TABLE_UPGRADE',
    'THERMAL',
  ],
  ...[
    'SCHED_MC_PRIO',
    'X86_INTEL_PSTATE',
    'X86_AMD_PSTATE',
    'ACPI_PROCESSOR',
    'CPU_FREQ',
    'CPU_IDLE',
    'ETHTOOL_NETLINK',
    'KVM_HYPERV',
    'KVM_SMM',
    'X86_MCE',
    'MAILBOX',
    'IO_URING',
  ],
  ...['RD_GZIP', 'RD_BZIP2', 'RD_LZMA', 'RD_XZ', 'RD_LZO', 'RD_LZ4', 'RD_ZSTD'],
  ...['PERF_EVENTS_INTEL_UNCORE', 'PERF_EVENTS_INTEL_RAPL', 'PERF_EVENTS_INTEL_CSTATE', 'INTEL_IOMMU_PERF_EVENTS'],
  ...['ALLOW_DEV_COREDUMP', 'STRICT_DEVMEM', 'SECCOMP', 'IPV6', 'WLAN', 'ETHERNET', 'NETDEVICES', 'RAS'],
] as const

/** Further lines for .config: wishes only. What else needs such an option switches it on again. */
export const iommufdKernelWishes: readonly string[] = off.map((name) => `# CONFIG_${name} is not set`)

/** Lines for .config, each of which must still be there once the kernel's own rules have been applied. */
export const iommufdKernelConfig: readonly string[] = [
  ...Object.values(groups).flatMap((names) => names.map((name) => `CONFIG_${name}=y`)),
  'CONFIG_NR_CPUS=8',
]
