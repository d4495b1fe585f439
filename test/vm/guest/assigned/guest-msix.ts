// In the guest's guest: how a driver programs MSI-X (PCIe 6.0 7.7.2): Message Control in config space, the table in a BAR.
import type { MsiMessage } from '../../../../src/device/vmm.js'
import { MsixControl, MsixPba, MsixTable, msixOffset } from '../../../../src/pci/capabilities/msix.js'
import type { GuestFunction } from './guest-function.js'

const entrySize = 16

export class GuestMsix {
  readonly vectors: number
  readonly #guest: GuestFunction
  readonly #control: number
  readonly #table: { readonly bar: number; readonly offset: number }
  readonly #pba: { readonly bar: number; readonly offset: number }

  constructor(guest: GuestFunction) {
    this.#guest = guest
    const at = guest.find('msix')
    this.#control = at + msixOffset.control
    this.#table = MsixTable.decode(guest.config.read(at + msixOffset.table, 4))
    this.#pba = MsixPba.decode(guest.config.read(at + msixOffset.pba, 4))
    this.vectors = MsixControl.decode(guest.config.read(this.#control, 2)).tableSize + 1
  }

  /** Programs a vector and unmasks it. */
  program(vector: number, { address, data }: MsiMessage): void {
    const words = [Number(address & 0xffff_ffffn), Number(address >> 32n), data, 0]
    for (const [i, word] of words.entries()) {
      this.#guest.write32(this.#table.bar, this.#entry(vector) + BigInt(4 * i), word)
    }
  }

  mask(vector: number, masked: boolean): void {
    this.#guest.write32(this.#table.bar, this.#entry(vector) + 12n, masked ? 1 : 0)
  }

  isPending(vector: number): boolean {
    const dword = this.#guest.read32(this.#pba.bar, BigInt(8 * this.#pba.offset + 4 * Math.floor(vector / 32)))
    return (dword & (1 << (vector % 32))) !== 0
  }

  enable(options: { readonly functionMask?: boolean } = {}): void {
    this.#write({ enable: true, functionMask: options.functionMask === true })
  }

  disable(): void {
    this.#write({ enable: false, functionMask: false })
  }

  #write(fields: { readonly enable: boolean; readonly functionMask: boolean }): void {
    this.#guest.config.write(this.#control, 2, MsixControl.encode(fields))
  }

  #entry(vector: number): bigint {
    return BigInt(8 * this.#table.offset + entrySize * vector)
  }
}

/** A message as a guest on x86 programs it: to processor 0, with this interrupt number. */
export const messageTo = (interrupt: number): MsiMessage => ({ address: 0xfee0_0000n, data: interrupt })
