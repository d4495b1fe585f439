// What lspci prints that is not in configuration space: the operating system's view of the device.

/** A line of `/sys/bus/pci/devices/…/resource`: BARs 0-5, ROM 6, and for bridges their windows last. */
export interface SystemResource {
  readonly start: bigint
  readonly end: bigint
  /** `IORESOURCE_*` of the kernel's `<linux/ioport.h>`. */
  readonly flags: bigint
}

/** As sysfs tells it; absent for a dump. */
export interface SystemView {
  readonly irq?: number
  readonly resources?: readonly SystemResource[]
  readonly physicalSlot?: string
  readonly numaNode?: number
  readonly iommuGroup?: string
  readonly driver?: string
  readonly modules?: readonly string[]
}
