// What lspci prints that is not in configuration space: the operating system's view of the device.

/** A line of `/sys/bus/pci/devices/…/resource` that is in use. */
export interface SystemResource {
  /** The number of the line: BARs 0-5, ROM 6, BARs of SR-IOV where the kernel knows it, windows of bridges last. */
  readonly index: number
  readonly kind: 'memory' | 'io'
  readonly start: bigint
  readonly size: bigint
  readonly is64Bit: boolean
  readonly prefetchable: boolean
}

/** As sysfs tells it; absent for a dump. */
export interface SystemView {
  /** A virtual function has no ids in its own configuration space (PCIe 6.0 section 9.3.4.1). */
  readonly vendorId?: number
  readonly deviceId?: number
  readonly subsystemVendorId?: number
  readonly subsystemId?: number
  readonly irq?: number
  readonly resources?: readonly SystemResource[]
  readonly physicalSlot?: string
  readonly numaNode?: number
  readonly iommuGroup?: string
  readonly driver?: string
  readonly modules?: readonly string[]
}
