// A window in config space through which the BARs can be reached, for whoever cannot reach them otherwise: firmware, before
// they have addresses. The access is carried out whether memory decoding is on or not.
import type { AccessWidth } from '../function/config-space.js'
import type { BarWindowFields, ConfigDeclaration } from './config-declaration.js'
import { capabilityOffsets } from './config-layout.js'
import type { ConfigRegisters } from './config-registers.js'

const dataSize = 4
const widths: readonly number[] = [1, 2, 4] satisfies AccessWidth[]

/** What is to be read or written instead of config space. */
export interface WindowAccess {
  readonly bar: number
  readonly offset: number
  readonly width: AccessWidth
}

export class BarWindow {
  readonly #registers: ConfigRegisters
  readonly #fields: BarWindowFields
  readonly #barSizes: readonly number[]

  /** Undefined where the function has none. */
  static of(declaration: ConfigDeclaration, registers: ConfigRegisters, barSizes: readonly number[]) {
    const offsets = capabilityOffsets(declaration)
    const index = declaration.capabilities.findIndex(({ barWindow }) => barWindow !== undefined)
    const fields = declaration.capabilities[index]?.barWindow
    const at = offsets[index]
    if (fields === undefined || at === undefined) return undefined
    const { bar, offset, length, data } = fields
    const absolute = { bar: at + bar, offset: at + offset, length: at + length, data: at + data }
    return new BarWindow(registers, absolute, barSizes)
  }

  private constructor(registers: ConfigRegisters, fields: BarWindowFields, barSizes: readonly number[]) {
    this.#registers = registers
    this.#fields = fields
    this.#barSizes = barSizes
  }

  /** What an access to config space means; undefined where it is an ordinary one, or the window shows nothing. */
  accessOf(offset: number, width: AccessWidth): WindowAccess | undefined {
    const { bar: barAt, offset: offsetAt, length, data } = this.#fields
    if (offset >= data + dataSize || offset + width <= data) return undefined
    const wide = this.#registers.read(length, 4)
    const at = this.#registers.read(offsetAt, 4)
    const bar = this.#registers.read(barAt, 1)
    const fits = widths.includes(wide) && at % wide === 0 && at + wide <= (this.#barSizes[bar] ?? 0)
    return fits ? { bar, offset: at, width: wide as AccessWidth } : undefined
  }

  /** What was written to the window's data. */
  get data(): bigint {
    return BigInt(this.#registers.read(this.#fields.data, dataSize))
  }

  /** Shows what was read, in as many bytes as it has. */
  show({ width }: WindowAccess, value: bigint): void {
    this.#registers.force(this.#fields.data, width, Number(BigInt.asUintN(8 * width, value)))
  }
}
