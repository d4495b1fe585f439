// The configuration space header (PCI Local Bus 3.0 section 6.1, PCI-to-PCI Bridge 1.2 section 3.2, PCIe 6.0 section
// 7.5.1). A name that only one header type has carries its type's offset; shared names come first.
import { register } from '../bits/register.js'

/** Offsets common to all header types, and those of type 0 (endpoints). */
export const headerOffset = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  programmingInterface: 0x09,
  subclass: 0x0a,
  baseClass: 0x0b,
  cacheLineSize: 0x0c,
  latencyTimer: 0x0d,
  headerType: 0x0e,
  bist: 0x0f,
  bar0: 0x10,
  bar1: 0x14,
  bar2: 0x18,
  bar3: 0x1c,
  bar4: 0x20,
  bar5: 0x24,
  cardbusCis: 0x28,
  subsystemVendorId: 0x2c,
  subsystemId: 0x2e,
  rom: 0x30,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
  minGnt: 0x3e,
  maxLat: 0x3f,
} as const

/** Offsets that only type 1 headers (bridges) have. */
export const bridgeOffset = {
  primaryBus: 0x18,
  secondaryBus: 0x19,
  subordinateBus: 0x1a,
  secondaryLatencyTimer: 0x1b,
  ioBase: 0x1c,
  ioLimit: 0x1d,
  secondaryStatus: 0x1e,
  memoryBase: 0x20,
  memoryLimit: 0x22,
  prefetchableBase: 0x24,
  prefetchableLimit: 0x26,
  prefetchableBaseUpper: 0x28,
  prefetchableLimitUpper: 0x2c,
  ioBaseUpper: 0x30,
  ioLimitUpper: 0x32,
  capabilities: 0x34,
  rom: 0x38,
  bridgeControl: 0x3e,
} as const

/** Offsets that only type 2 headers (CardBus bridges) have. */
export const cardbusOffset = {
  exca: 0x10,
  capabilities: 0x14,
  secondaryStatus: 0x16,
  primaryBus: 0x18,
  cardBus: 0x19,
  subordinateBus: 0x1a,
  latencyTimer: 0x1b,
  memoryBase0: 0x1c,
  memoryLimit0: 0x20,
  memoryBase1: 0x24,
  memoryLimit1: 0x28,
  ioBase0: 0x2c,
  ioLimit0: 0x30,
  ioBase1: 0x34,
  ioLimit1: 0x38,
  bridgeControl: 0x3e,
  subsystemVendorId: 0x40,
  subsystemId: 0x42,
} as const

export const HeaderType = register('PCI_HEADER_TYPE', 8, { layout: [6, 0], multiFunction: [7] })

export const Bist = register('PCI_BIST', 8, { completionCode: [3, 0], start: [6], capable: [7] })

/** Values of HeaderType.layout. */
export const headerLayout = { endpoint: 0, bridge: 1, cardbus: 2 } as const
