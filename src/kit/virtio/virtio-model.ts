// A virtio device behind the registers of its PCI transport (Virtual I/O Device 1.2, 4.1). What the driver negotiated
// lives in a `Negotiation`, which a reset by status 0 throws away as a whole.
import type { BarHandlers, RegisterWidth } from '../device-model.js'
import type { DeviceSession } from '../device-session.js'
import { CommonConfig, type CommonField, isrStatus, noVector, virtioBar } from './common-config.js'
import { Negotiation } from './negotiation.js'
import type { VirtioDeclaration } from './virtio-device.js'

const widths = { u8: 1, u16: 2, u32: 4, u64: 8, s32: 4 } as const

export class VirtioModel implements BarHandlers {
  readonly #session: DeviceSession
  readonly #declaration: VirtioDeclaration
  #negotiation: Negotiation
  #isr = 0
  /** What the status reads until a reset is over: the driver waits for 0. */
  #resettingFrom = 0

  constructor(session: DeviceSession, declaration: VirtioDeclaration) {
    this.#session = session
    this.#declaration = declaration
    this.#negotiation = this.#negotiate()
  }

  read(bar: number, offset: number, width: RegisterWidth): bigint {
    if (bar !== virtioBar.index) return 0n
    if (offset >= virtioBar.notify) return 0n
    if (offset >= virtioBar.device) return this.#readDevice(offset - virtioBar.device, width)
    if (offset >= virtioBar.isr) return offset === virtioBar.isr ? BigInt(this.#takeIsr()) : 0n
    if (offset + width > CommonConfig.size) return 0n
    const registers = CommonConfig.encode({
      ...this.#negotiation.registers(),
      ...(this.#resettingFrom === 0 ? {} : { device_status: this.#resettingFrom }),
    })
    return littleEndian(registers, offset, width)
  }

  write(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    if (bar !== virtioBar.index) return
    if (offset >= virtioBar.notify) {
      this.#negotiation.notify((offset - virtioBar.notify) / virtioBar.notifyMultiplier)
      return
    }
    if (width === 8) {
      this.write(bar, offset, 4, BigInt.asUintN(32, value))
      this.write(bar, offset + 4, 4, value >> 32n)
      return
    }
    const field = fieldAt(offset, width)
    if (field === undefined) return
    if (field === 'device_status' && value === 0n) this.#reset()
    else this.#negotiation.write(field, Number(value))
  }

  #negotiate(): Negotiation {
    return new Negotiation(this.#session.open(), this.#declaration, (why, vector) => this.#signal(why, vector))
  }

  /** 2.4: the status reads 0 once it is done, and from then on nothing of before reaches memory. */
  #reset(): void {
    const old = this.#negotiation
    this.#resettingFrom = old.registers().device_status ?? 0
    this.#negotiation = this.#negotiate()
    this.#isr = 0
    this.#session.lowerIntx()
    void old.session.end().then(() => {
      this.#resettingFrom = 0
    })
  }

  #signal(why: keyof typeof isrStatus, vector: number): void {
    if (this.#session.interruptKind === 'msix') {
      if (vector !== noVector) this.#session.raise(vector)
      return
    }
    this.#isr |= isrStatus[why]
    this.#session.raise(0)
  }

  /** Reading it takes the interrupt back (4.1.4.5.1). */
  #takeIsr(): number {
    const isr = this.#isr
    this.#isr = 0
    this.#session.lowerIntx()
    return isr
  }

  #readDevice(offset: number, width: RegisterWidth): bigint {
    return littleEndian(this.#declaration.config ?? new Uint8Array(), offset, width)
  }
}

function littleEndian(bytes: Uint8Array, offset: number, width: number): bigint {
  let value = 0n
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0)
  return value
}

/** Fields are accessed as wide as they are (4.1.3.1). */
function fieldAt(offset: number, width: RegisterWidth): CommonField | undefined {
  const names = Object.keys(CommonConfig.fields) as CommonField[]
  return names.find((name) => CommonConfig.offsets[name] === offset && widths[CommonConfig.fields[name]] === width)
}
