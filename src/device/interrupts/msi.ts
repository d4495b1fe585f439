// MSI as the guest programs it (PCIe 6.0 7.7.1). The whole capability is emulated, masks and pending bits included: what
// the device itself holds is the kernel's.
import { MsiControl, msiOffset } from '../../pci/capabilities/msi.js'
import { type ConfigOverlay, local, merge, watched } from '../config/config-overlay.js'
import type { HardwareConfig } from '../config/hardware-config.js'
import type { DeviceState } from '../device-state.js'
import type { MsiMessage } from '../vmm.js'
import type { WantedInterrupts } from './delivered-interrupts.js'
import type { MessageVectors, MessageVectorsOf, VectorRegisters } from './message-vectors.js'

const mostVectors = 32

export interface MsiShape {
  /** Config offset of the capability. */
  readonly at: number
  /** log2 of the vectors that the guest may ask for. */
  readonly multipleCapable: number
  readonly address64: boolean
  readonly perVectorMasking: boolean
}

export class Msi implements VectorRegisters {
  readonly shape: MsiShape
  readonly vectors: MessageVectors
  readonly #state: DeviceState
  readonly #changed: () => void

  constructor(shape: MsiShape, state: DeviceState, vectors: MessageVectorsOf, changed: () => void) {
    this.shape = shape
    this.#state = state
    this.#changed = changed
    this.vectors = vectors(this)
  }

  /** The shape of the capability at `at`; the kernel may offer fewer vectors than the device has. */
  static shapeOf(hardware: HardwareConfig, at: number, offered: number): MsiShape {
    const control = MsiControl.decode(hardware.read(at + msiOffset.control, 2) ?? 0)
    const { address64, perVectorMasking } = control
    const most = Math.floor(Math.log2(Math.min(offered, mostVectors)))
    return { at, multipleCapable: Math.min(control.multipleCapable, most), address64, perVectorMasking }
  }

  addTo(overlay: ConfigOverlay): void {
    const { at, address64, perVectorMasking } = this.shape
    const state = this.#state
    this.#addControl(overlay)
    this.#addRegister(
      overlay,
      at + msiOffset.addressLow,
      'MSI address',
      () => Number(state.msiAddress & 0xffff_ffffn),
      (value) => {
        state.msiAddress = (state.msiAddress & ~0xffff_ffffn) | BigInt((value & ~3) >>> 0)
      },
    )
    if (address64) {
      this.#addRegister(
        overlay,
        at + msiOffset.addressHigh,
        'MSI upper address',
        () => Number(state.msiAddress >> 32n),
        (value) => {
          state.msiAddress = (state.msiAddress & 0xffff_ffffn) | (BigInt(value) << 32n)
        },
      )
    }
    this.#addRegister(
      overlay,
      at + (address64 ? msiOffset.data64 : msiOffset.data32),
      'MSI data',
      () => state.msiData,
      (value) => {
        state.msiData = value & 0xffff
      },
    )
    if (!perVectorMasking) return
    this.#addRegister(
      overlay,
      at + (address64 ? msiOffset.mask64 : msiOffset.mask32),
      'MSI mask',
      () => state.msiMask,
      (value) => {
        // Bits of vectors that are not there are reserved.
        state.msiMask = (value & (2 ** (1 << this.shape.multipleCapable) - 1)) >>> 0
      },
    )
    overlay.add(
      at + (address64 ? msiOffset.pending64 : msiOffset.pending32),
      local('MSI pending bits', () => state.msiPending),
    )
  }

  get isEnabled(): boolean {
    return MsiControl.decode(this.#state.msiControl).enable
  }

  wanted(): WantedInterrupts {
    return { kind: 'msi', destinations: this.vectors.destinations() }
  }

  count(): number {
    return 1 << MsiControl.decode(this.#state.msiControl).multipleEnable
  }

  isMasked(vector: number): boolean {
    return (this.#state.msiMask & (1 << vector)) !== 0
  }

  /** The low bits of the data say which vector it is (PCIe 6.0 7.7.1.5). */
  message(vector: number): MsiMessage {
    const count = this.count()
    return { address: this.#state.msiAddress, data: (this.#state.msiData & ~(count - 1)) | vector }
  }

  isPending(vector: number): boolean {
    return (this.#state.msiPending & (1 << vector)) !== 0
  }

  setPending(vector: number, pending: boolean): void {
    const bit = 1 << vector
    this.#state.msiPending = (pending ? this.#state.msiPending | bit : this.#state.msiPending & ~bit) >>> 0
  }

  #addControl(overlay: ConfigOverlay): void {
    const { at, multipleCapable, address64, perVectorMasking } = this.shape
    const half = 8 * msiOffset.control
    const read = (): number =>
      (MsiControl.encode({ multipleCapable, address64, perVectorMasking }, this.#state.msiControl) << half) >>> 0
    overlay.add(
      at,
      watched('MSI Message Control', 0xffff_0000, read, (write) => {
        const { enable, multipleEnable } = MsiControl.decode(merge(read(), write) >>> half)
        // More than it is capable of is not given.
        const given = Math.min(multipleEnable, multipleCapable)
        this.#state.msiControl = MsiControl.encode({ enable, multipleEnable: given })
        this.#changed()
      }),
    )
  }

  #addRegister(
    overlay: ConfigOverlay,
    at: number,
    what: string,
    read: () => number,
    set: (value: number) => void,
  ): void {
    overlay.add(
      at,
      local(what, read, (write) => {
        set(merge(read(), write))
        this.#changed()
      }),
    )
  }
}
