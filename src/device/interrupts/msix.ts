// MSI-X as the guest programs it (PCIe 6.0 7.7.2): Message Control, the table and the pending bits are all emulated.
// The kernel programs the device's own table, and nothing that the guest writes reaches it.
import { MsixControl, MsixPba, MsixTable, msixOffset } from '../../pci/capabilities/msix.js'
import type { EmulatedWindow } from '../bars/bar-access.js'
import { type ConfigOverlay, local, merge, watched } from '../config/config-overlay.js'
import type { HardwareConfig } from '../config/hardware-config.js'
import { type DeviceState, msixEntry } from '../device-state.js'
import type { AccessHandler, MsiMessage } from '../vmm.js'
import type { WantedInterrupts } from './delivered-interrupts.js'
import type { MessageVectors, MessageVectorsOf, VectorRegisters } from './message-vectors.js'

const writable = MsixControl.mask('functionMask', 'enable')

/** Bits that a table entry has, by byte: the address is a dword's, and of the last dword only Mask is there. */
const entryBits = Uint8Array.of(0xfc, ...Array<number>(11).fill(0xff), msixEntry.maskBit, 0, 0, 0)

export interface MsixShape {
  /** Config offset of the capability. */
  readonly at: number
  readonly vectors: number
  readonly table: number
  readonly pba: number
}

export class Msix implements VectorRegisters {
  readonly shape: MsixShape
  readonly vectors: MessageVectors
  readonly #state: DeviceState
  readonly #changed: () => void

  constructor(shape: MsixShape, state: DeviceState, vectors: MessageVectorsOf, changed: () => void) {
    this.shape = shape
    this.#state = state
    this.#changed = changed
    this.vectors = vectors(this)
  }

  /** The shape of the capability at `at`; the kernel may offer fewer vectors than the device has. */
  static shapeOf(hardware: HardwareConfig, at: number, offered: number): MsixShape {
    const control = MsixControl.decode(hardware.read(at + msixOffset.control, 2) ?? 0)
    return {
      at,
      vectors: Math.min(control.tableSize + 1, offered),
      table: hardware.read(at + msixOffset.table, 4) ?? 0,
      pba: hardware.read(at + msixOffset.pba, 4) ?? 0,
    }
  }

  addTo(overlay: ConfigOverlay): void {
    const { at, vectors, table, pba } = this.shape
    const control = (): number => MsixControl.encode({ tableSize: vectors - 1 }, this.#state.msixControl)
    const half = 8 * msixOffset.control
    overlay.add(
      at,
      watched(
        'MSI-X Message Control',
        0xffff_0000,
        () => (control() << half) >>> 0,
        (write) => {
          this.#state.msixControl = (merge((control() << half) >>> 0, write) >>> half) & writable
          this.#changed()
        },
      ),
    )
    overlay.add(
      at + msixOffset.table,
      local('MSI-X table', () => table),
    )
    overlay.add(
      at + msixOffset.pba,
      local('MSI-X pending bits', () => pba),
    )
  }

  /** The parts of BARs that are the table and the pending bits. */
  windows(): EmulatedWindow[] {
    const { vectors, table, pba } = this.shape
    const place = (raw: number, register: typeof MsixTable) => {
      const { bar, offset } = register.decode(raw)
      return { bar, offset: BigInt(offset) * 8n }
    }
    return [
      {
        ...place(table, MsixTable),
        size: BigInt(vectors * msixEntry.size),
        what: 'MSI-X table',
        handler: this.#table(),
      },
      {
        ...place(pba, MsixPba),
        size: BigInt(Math.ceil(vectors / 64) * 8),
        what: 'MSI-X pending bits',
        handler: this.#pendingBits(),
      },
    ]
  }

  get isEnabled(): boolean {
    return (this.#state.msixControl & MsixControl.mask('enable')) !== 0
  }

  wanted(): WantedInterrupts {
    return { kind: 'msix', destinations: this.vectors.destinations() }
  }

  count(): number {
    return this.shape.vectors
  }

  isMasked(vector: number): boolean {
    const { msixControl, msixTable } = this.#state
    if ((msixControl & MsixControl.mask('functionMask')) !== 0) return true
    return ((msixTable[vector * msixEntry.size + msixEntry.control] ?? 0) & msixEntry.maskBit) !== 0
  }

  message(vector: number): MsiMessage {
    const { buffer, byteOffset } = this.#state.msixTable
    const entry = new DataView(buffer, byteOffset + vector * msixEntry.size, msixEntry.size)
    return { address: entry.getBigUint64(msixEntry.address, true), data: entry.getUint32(msixEntry.data, true) }
  }

  isPending(vector: number): boolean {
    return this.#state.msixPending[vector] === 1
  }

  setPending(vector: number, pending: boolean): void {
    this.#state.msixPending[vector] = pending ? 1 : 0
  }

  #table(): AccessHandler {
    return {
      read: (offset, into) => {
        const start = Number(offset)
        into.set(this.#state.msixTable.subarray(start, start + into.length))
      },
      write: (offset, from) => {
        from.forEach((byte, i) => {
          const at = Number(offset) + i
          this.#state.msixTable[at] = byte & (entryBits[at % msixEntry.size] ?? 0)
        })
        this.#changed()
      },
    }
  }

  /** Read-only (PCIe 6.0 7.7.2.9). */
  #pendingBits(): AccessHandler {
    return {
      read: (offset, into) => {
        for (let i = 0; i < into.length; i++) {
          const first = 8 * (Number(offset) + i)
          let byte = 0
          for (let bit = 0; bit < 8; bit++) if (this.isPending(first + bit)) byte |= 1 << bit
          into[i] = byte
        }
      },
      write: () => {},
    }
  }
}
