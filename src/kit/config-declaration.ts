import type { AccessWidth } from '../function/config-space.js'

/** A register inside a capability: where it lies in it, what it reads after a reset, and what a write can change. */
export interface CapabilityField {
  readonly offset: number
  readonly width: AccessWidth
  readonly value: number
  /** Bits that a write sets or clears; none by default. */
  readonly writable?: number
  /** Bits that writing 1 clears. */
  readonly clearedByOne?: number
}

export interface CapabilityDeclaration {
  readonly id: number
  readonly length: number
  readonly fields: readonly CapabilityField[]
  /** Makes these fields a window into the function's BARs. */
  readonly barWindow?: BarWindowFields
}

/**
 * Where the fields of a window are, by their offsets in the capability: which BAR (a byte), and where and how long
 * (dwords). Reading or writing `data` (a dword) is an access there.
 */
export interface BarWindowFields {
  readonly bar: number
  readonly offset: number
  readonly length: number
  readonly data: number
}

export interface ExtendedCapabilityDeclaration extends CapabilityDeclaration {
  readonly version: number
}

export interface BarDeclaration {
  readonly index: number
  readonly kind: 'memory32' | 'memory64' | 'io'
  readonly prefetchable?: boolean
  /** A power of two. */
  readonly size: number
  /** Where firmware placed it. */
  readonly address: number
}

/** The config space of a type 0 function. */
export interface ConfigDeclaration {
  readonly vendorId: number
  readonly deviceId: number
  readonly revision: number
  /** 24 bits: base class, sub-class, interface. */
  readonly classCode: number
  readonly subsystemVendorId?: number
  readonly subsystemId?: number
  /** 0 for none, 1 for INTA#. */
  readonly interruptPin: 0 | 1
  readonly bars: readonly BarDeclaration[]
  /** In the order of the list; the first is placed at 0x40. */
  readonly capabilities: readonly CapabilityDeclaration[]
  /** From 0x100 on; only where `size` is 4096. */
  readonly extendedCapabilities?: readonly ExtendedCapabilityDeclaration[]
  readonly size: 256 | 4096
  /** A virtual function: Memory Space and I/O Space are hardwired to 0, and so are the BARs (PCIe SR-IOV 9.3.4.1). */
  readonly isVirtualFunction?: boolean
}
