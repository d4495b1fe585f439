// A virtio device behind the registers of its PCI transport (Virtual I/O Device 1.2, 4.1). What the driver negotiated
// lives in a `Negotiation`, which a reset by status 0 throws away as a whole.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { BarHandlers, ModelMigration, RegisterWidth } from '../device-model.js'
import type { DeviceSession } from '../device-session.js'
import { loadRegister } from '../register-bytes.js'
import { CommonConfig, type CommonField, isrStatus, noVector, virtioBar } from './common-config.js'
import { Negotiation } from './negotiation.js'
import type { VirtioDeclaration } from './virtio-device.js'
import { decodeVirtioState, encodeVirtioState } from './virtio-state.js'

const widths = { u8: 1, u16: 2, u32: 4, u64: 8, s32: 4 } as const

const nothing = new Uint8Array()

export class VirtioModel implements BarHandlers {
  readonly migration: ModelMigration | undefined
  readonly #session: DeviceSession
  readonly #declaration: VirtioDeclaration
  #negotiation: Negotiation
  #isr = 0
  #isPaused = false
  /** What the status reads until every reset is over: the driver waits for 0. */
  #resettingFrom = 0
  readonly #resets = new Set<Promise<void>>()

  constructor(session: DeviceSession, declaration: VirtioDeclaration) {
    this.#session = session
    this.#declaration = declaration
    this.#negotiation = this.#negotiate()
    this.migration = this.#migrationOf(declaration.migration)
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
    return loadRegister(registers, offset, width)
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
    const signal = (why: keyof typeof isrStatus, vector: number) => this.#signal(why, vector)
    const negotiation = new Negotiation(this.#session.open(), this.#declaration, signal)
    if (this.#isPaused) void negotiation.pause()
    return negotiation
  }

  #migrationOf(device: VirtioDeclaration['migration']): ModelMigration | undefined {
    if (device === undefined) return undefined
    const own = device === 'stateless' ? { save: () => nothing, restore: assertEmpty } : device
    return {
      pause: async () => {
        this.#isPaused = true
        await Promise.all([this.#negotiation.pause(), ...this.#resets])
      },
      resume: () => {
        this.#isPaused = false
        this.#negotiation.resume()
      },
      save: () => {
        const negotiation = this.#negotiation.save()
        return encodeVirtioState(this.#declaration, { isr: this.#isr, negotiation, own: own.save() })
      },
      restore: (bytes) => {
        const state = decodeVirtioState(this.#declaration, bytes)
        own.restore(state.own)
        this.#negotiation.restore(state.negotiation)
        this.#isr = state.isr
      },
    }
  }

  /** 2.4: the status reads 0 once it is done, and from then on nothing of before reaches memory. */
  #reset(): void {
    const old = this.#negotiation
    // A second reset does not make the first one end sooner.
    this.#resettingFrom ||= old.registers().device_status ?? 0
    this.#negotiation = this.#negotiate()
    this.#isr = 0
    this.#session.lowerIntx()
    const reset = old.session.end().then(() => {
      this.#resets.delete(reset)
      if (this.#resets.size === 0) this.#resettingFrom = 0
    })
    this.#resets.add(reset)
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
    return loadRegister(this.#declaration.config ?? new Uint8Array(), offset, width)
  }
}

function assertEmpty(state: Uint8Array): void {
  if (state.length === 0) return
  throw new QuiesceError('USAGE', `Cannot restore a virtio device: ${state.length} bytes are of no use to it`)
}

/** Fields are accessed as wide as they are (4.1.3.1). */
function fieldAt(offset: number, width: RegisterWidth): CommonField | undefined {
  const names = Object.keys(CommonConfig.fields) as CommonField[]
  return names.find((name) => CommonConfig.offsets[name] === offset && widths[CommonConfig.fields[name]] === width)
}
