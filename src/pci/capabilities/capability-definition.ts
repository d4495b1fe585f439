// The shape of a row in the capability tables: where the registers of a capability lie and when they are there.
import type { FieldSpans } from '../../bits/register.js'

/** A register of any fields, as the generic decoder sees it. */
export interface AnyRegister {
  readonly name: string
  readonly width: 8 | 16 | 32
  readonly fields: FieldSpans
  decode(raw: number): Readonly<Record<string, boolean | number>>
}

/** One capability of one device, for conditions that depend on its own registers. */
export interface CapabilityView {
  /** Absolute offset in configuration space. */
  readonly offset: number
  /** Extended capabilities only. */
  readonly version: number
  /** Device/Port Type of the function's PCI Express capability, if it has one. */
  readonly portType: number | undefined
  /** `HeaderType.layout` of the function. */
  readonly headerLayout: number
  /** Reads relative to the start of the capability; bytes past the end of the space read as zero. */
  read(offset: number, width: 1 | 2 | 4): number
}

export interface PlacedRegister {
  /** Offset from the start of the capability. */
  readonly at: number
  readonly register: AnyRegister
  /** Whether this device has it; always, if not given. */
  readonly when?: (view: CapabilityView) => boolean
  /** The register stands `count` times, `stride` bytes apart. */
  readonly repeat?: { readonly count: (view: CapabilityView) => number; readonly stride: number }
}

export interface CapabilityDefinition {
  readonly id: number
  /** As the specifications call it. */
  readonly name: string
  /** Bytes that it takes, header included; those that vary ask the device. */
  readonly length: number | ((view: CapabilityView) => number)
  readonly registers: readonly PlacedRegister[]
}
