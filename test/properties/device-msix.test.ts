// MSI-X of an assigned device against a model that is written from the specification: any sequence of accesses to table,
// pending bits and Message Control, of any width, and of interrupts by the device.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { MsiMessage } from '../../src/device/vmm.js'
import { streamRegister } from '../../src/sim/models/stream-device.js'
import { enableBar0, guestCapability, openModel } from '../unit/device/device-fixture.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 1_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

const bar = 0xe000_0000n
const tableAt = bar + 0x2000n
const pbaAt = bar + 0x3000n
const vectors = [0, 1, 2, 3]
const tableSize = 64

type Step =
  | { readonly do: 'raise'; readonly vector: number }
  | { readonly do: 'control'; readonly width: 1 | 2; readonly value: number }
  | { readonly do: 'mask'; readonly vector: number; readonly value: number }
  | { readonly do: 'write table'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly do: 'read table'; readonly offset: number; readonly length: number }
  | { readonly do: 'write pending'; readonly offset: number; readonly bytes: Uint8Array }

/** What PCIe 6.0 7.7.2 says of four vectors, one field each instead of bytes. */
class ModelMsix {
  enable = false
  functionMask = false
  readonly entries = vectors.map(() => ({ address: 0n, data: 0, masked: true }))
  readonly pending = new Set<number>()
  /** Those that were unmasked since MSI-X was enabled: what arrives at others stays in the device. */
  readonly used = new Set<number>()
  sent: MsiMessage[] = []

  raise(vector: number): void {
    if (!this.enable || !this.used.has(vector)) return
    this.pending.add(vector)
    this.settle()
  }

  settle(): void {
    if (!this.enable) {
      this.pending.clear()
      this.used.clear()
      return
    }
    if (this.functionMask) return
    for (const [vector, { masked, address, data }] of this.entries.entries()) {
      if (masked) continue
      this.used.add(vector)
      if (this.pending.delete(vector)) this.sent.push({ address, data })
    }
  }

  writeByte(offset: number, byte: number): void {
    const entry = this.entries[offset >> 4]
    if (entry === undefined) return
    const field = offset & 15
    const clear = ~(0xffn << BigInt(8 * field))
    if (field === 0) entry.address = (entry.address & ~0xffn) | BigInt(byte & ~3)
    else if (field < 8) entry.address = (entry.address & clear) | (BigInt(byte) << BigInt(8 * field))
    else if (field < 12) {
      const shift = 8 * (field - 8)
      entry.data = ((entry.data & ~(0xff << shift)) | (byte << shift)) >>> 0
    } else if (field === 12) entry.masked = (byte & 1) === 1
  }

  table(): Uint8Array {
    const bytes = new Uint8Array(tableSize)
    const view = new DataView(bytes.buffer)
    for (const [vector, { address, data, masked }] of this.entries.entries()) {
      view.setBigUint64(16 * vector, address, true)
      view.setUint32(16 * vector + 8, data, true)
      view.setUint32(16 * vector + 12, masked ? 1 : 0, true)
    }
    return bytes
  }
}

const vector = fc.constantFrom(...vectors)
const length = fc.integer({ min: 1, max: 8 })
const bytes = fc.uint8Array({ minLength: 1, maxLength: 8 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('raise' as const), vector }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('control' as const),
      width: fc.constantFrom(1 as const, 2 as const),
      value: fc.constantFrom(0x8000, 0x8000, 0xc000, 0x4000, 0, 0xffff),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('mask' as const), vector, value: fc.constantFrom(0, 0, 1, 0xffff_fffe) }),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ do: fc.constant('write table' as const), offset: fc.nat({ max: tableSize - 1 }), bytes })
      .filter(({ offset, bytes: written }) => offset + written.length <= tableSize),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ do: fc.constant('read table' as const), offset: fc.nat({ max: tableSize - 1 }), length })
      .filter((read) => read.offset + read.length <= tableSize),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ do: fc.constant('write pending' as const), offset: fc.nat({ max: 7 }), bytes })
      .filter(({ offset, bytes: written }) => offset + written.length <= 8),
  },
)

const byMessage = (a: MsiMessage, b: MsiMessage): number =>
  a.address === b.address ? a.data - b.data : a.address < b.address ? -1 : 1

describe('MSI-X of an assigned device', () => {
  it('is what the specification says, after any sequence of accesses and interrupts', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const { device, vmm } = openModel('flr')
        enableBar0(device, Number(bar), 6)
        const control = guestCapability(device, 0x11) + 2
        const model = new ModelMsix()
        for (const each of steps) {
          if (each.do === 'raise') {
            vmm.write32(bar + BigInt(streamRegister.interrupt), each.vector)
            model.raise(each.vector)
          } else if (each.do === 'control') {
            const { width, value } = each
            if (width === 2) device.writeConfig(control, 2, value)
            else device.writeConfig(control + 1, 1, value >> 8)
            model.enable = (value & 0x8000) !== 0
            model.functionMask = (value & 0x4000) !== 0
          } else if (each.do === 'mask') {
            vmm.write32(tableAt + BigInt(16 * each.vector + 12), each.value)
            const entry = model.entries[each.vector]
            if (entry !== undefined) entry.masked = (each.value & 1) === 1
          } else if (each.do === 'write table') {
            vmm.write('memory', tableAt + BigInt(each.offset), each.bytes)
            each.bytes.forEach((byte, i) => {
              model.writeByte(each.offset + i, byte)
            })
          } else if (each.do === 'read table') {
            const read = vmm.read('memory', tableAt + BigInt(each.offset), each.length)
            assert.deepEqual(read, model.table().slice(each.offset, each.offset + each.length))
          } else {
            vmm.write('memory', pbaAt + BigInt(each.offset), each.bytes)
          }
          model.settle()
          assert.deepEqual([...vmm.messages].sort(byMessage), [...model.sent].sort(byMessage), each.do)
          const pending = vmm.read('memory', pbaAt, 8)?.[0] ?? -1
          assert.deepEqual(
            vectors.filter((number) => (pending & (1 << number)) !== 0),
            [...model.pending].sort(),
          )
        }
        assert.equal(device.readConfig(control, 2), 3 | (model.enable ? 0x8000 : 0) | (model.functionMask ? 0x4000 : 0))
      }),
      { numRuns: runs, seed },
    )
  })
})
