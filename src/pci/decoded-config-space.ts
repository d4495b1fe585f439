// What decoding gives: plain data, ready for JSON. Addresses and sizes are hexadecimal strings there, as JSON has no
// number for them.

export interface DecodedRegister {
  /** Absolute offset in configuration space. */
  readonly offset: number
  readonly raw: number
  readonly fields: Readonly<Record<string, boolean | number>>
}

export interface DecodedCapability {
  readonly id: number
  readonly name: string
  readonly offset: number
  /** Extended capabilities only. */
  readonly version?: number
  /** Bytes, header included, as far as the specification tells. */
  readonly length: number
  /** By the kernel's name for the register; `NAME[n]` where there are several. */
  readonly registers: Readonly<Record<string, DecodedRegister>>
}

export interface DecodedCapabilities {
  readonly entries: readonly DecodedCapability[]
  /** Why the list ended before its end. */
  readonly problem?: string
}

export interface DecodedBar {
  readonly index: number | 'rom'
  readonly offset: number
  readonly kind: 'memory' | 'io' | 'rom'
  readonly width: number
  readonly prefetchable: boolean
  readonly address: string
  readonly size?: string
  readonly enabled: boolean
  readonly problem?: string
}

export interface DecodedBridge {
  readonly primaryBus: number
  readonly secondaryBus: number
  readonly subordinateBus: number
  readonly secondaryLatencyTimer: number
  readonly secondaryStatus: DecodedRegister
  readonly bridgeControl: DecodedRegister
  readonly windows: readonly {
    readonly kind: 'io' | 'memory' | 'prefetchable'
    readonly width: number
    readonly base: string
    readonly limit: string
    readonly enabled: boolean
    readonly problem?: string
  }[]
}

export interface DecodedHeader {
  readonly vendorId: number
  readonly deviceId: number
  readonly revision: number
  /** Base class, subclass and programming interface: 24 bits. */
  readonly classCode: number
  readonly cacheLineSize: number
  readonly latencyTimer: number
  readonly headerType: DecodedRegister
  readonly bist: DecodedRegister
  readonly type: 'endpoint' | 'bridge' | 'cardbus' | 'unknown'
  readonly subsystemVendorId?: number
  readonly subsystemId?: number
  readonly interruptLine: number
  readonly interruptPin: number
}

export interface DecodedConfigSpace {
  /** Bytes that could be read. */
  readonly size: number
  readonly header: DecodedHeader
  readonly command: DecodedRegister
  readonly status: DecodedRegister
  readonly bars: readonly DecodedBar[]
  readonly bridge?: DecodedBridge
  readonly capabilities: DecodedCapabilities
  readonly extended: DecodedCapabilities
}
