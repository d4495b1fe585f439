// Config space of an assigned device against a model that is written from the specifications, byte by byte, and knows
// nothing of rules, overlays or dwords. Any sequence of accesses, of any width, at any offset.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { AccessWidth } from '../../src/function/config-space.js'
import { openModel } from '../unit/device/device-fixture.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 1_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

/** A register as the guest sees it: `[offset, width, value after a reset, writable bits, survives a reset]`. */
type Row = readonly [
  offset: number,
  width: AccessWidth,
  value: number,
  writable: number,
  survives?: 'kernel restores it',
]

const pm = 0x40
const msi = 0x48
const pcie = 0x58
const msix = 0x94

/** The model `flr`: everything that is not named reads as zero and takes nothing. */
const rows: readonly Row[] = [
  [0x00, 4, 0x0001_fffe, 0],
  [0x04, 2, 0, 0x0547],
  [0x06, 2, 0x0010, 0],
  [0x08, 4, 0x0280_0001, 0],
  [0x0c, 2, 0, 0xffff, 'kernel restores it'],
  [0x10, 4, 0x0000_000c, 0xffff_c000],
  [0x14, 4, 0, 0xffff_ffff],
  [0x18, 4, 0x0000_0001, 0xffff_ffc0],
  [0x2c, 4, 0x0001_fffe, 0],
  [0x34, 1, pm, 0],
  [0x3c, 2, 0x0100, 0x00ff],
  [pm, 4, 0x0003_0001 | (msi << 8), 0],
  [pm + 4, 2, 0x0008, 0],
  [msi, 4, 0x0080_0005 | (pcie << 8), 0x0001_0000],
  [msi + 4, 4, 0, 0xffff_fffc],
  [msi + 8, 4, 0, 0xffff_ffff],
  [msi + 12, 2, 0, 0xffff],
  [pcie, 4, 0x0002_0010 | (msix << 8), 0],
  [pcie + 4, 4, 0x1000_8000, 0],
  [pcie + 8, 2, 0x2810, 0x7fff, 'kernel restores it'],
  [pcie + 0x0c, 4, 0x0000_0011, 0],
  [pcie + 0x12, 2, 0x0011, 0],
  [msix, 4, 0x0003_0011, 0xc000_0000],
  [msix + 4, 4, 0x0000_2000, 0],
  [msix + 8, 4, 0x0000_3000, 0],
  [0x100, 4, 0x0001_0003, 0],
  [0x104, 4, 0x0000_0001, 0],
  [0x108, 4, 0x5153_494d, 0],
]

const spaceEnd = 4096

class ModelSpace {
  readonly bytes = new Uint8Array(spaceEnd)
  readonly #writable = new Uint8Array(spaceEnd)

  constructor() {
    for (const [offset, width, value, writable] of rows) {
      for (let i = 0; i < width; i++) {
        this.bytes[offset + i] = value >>> (8 * i)
        this.#writable[offset + i] = writable >>> (8 * i)
      }
    }
  }

  read(offset: number, width: number): number {
    let value = 0
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.bytes[offset + i] ?? 0xff)
    return value
  }

  /** Whether the write asks for a reset, which ends it. */
  write(offset: number, width: number, value: number): boolean {
    for (let i = 0; i < width; i++) {
      const at = offset + i
      const byte = (value >>> (8 * i)) & 0xff
      // Initiate FLR is bit 15 of Device Control; what the same write does to the rest of the dword is lost with it.
      const inDword = at - (at % 4) === pcie + 8
      const flr = pcie + 9 - offset
      if (inDword && flr >= 0 && flr < width && ((value >>> (8 * flr)) & 0x80) !== 0) return true
      if (at === pm + 4) this.#power(byte & 3)
      const writable = this.#writable[at] ?? 0
      if (at < spaceEnd) this.bytes[at] = ((this.bytes[at] ?? 0) & ~writable) | (byte & writable)
    }
    return false
  }

  reset(): void {
    for (const [offset, width, value, , survives] of rows) {
      if (survives !== undefined) continue
      for (let i = 0; i < width; i++) this.bytes[offset + i] = value >>> (8 * i)
    }
  }

  /** Where each BAR is in the guest, as the VMM would write it down. */
  places(): string[] {
    if ((this.read(pm + 4, 1) & 3) !== 0) return []
    const command = this.read(0x04, 1)
    const memory = (BigInt(this.read(0x14, 4)) << 32n) + BigInt(this.read(0x10, 4)) - 0xcn
    const ports = this.read(0x18, 4) - 1
    return [
      ...((command & 2) !== 0 && memory !== 0n && memory !== 0xffff_ffff_ffff_c000n ? [`memory ${memory}`] : []),
      ...((command & 1) !== 0 && ports !== 0 && ports < 0xffc0 ? [`port ${ports}`] : []),
    ]
  }

  /** D1 and D2 are not implemented, and a device leaves D3hot for D0 only (PCI PM 1.2, figure 5-2). */
  #power(state: number): void {
    const at = pm + 4
    const before = this.bytes[at] ?? 0
    if (state === 0 || state === 3) this.bytes[at] = (before & ~3) | state
  }
}

type Access =
  | { readonly do: 'read'; readonly offset: number; readonly width: AccessWidth }
  | { readonly do: 'write'; readonly offset: number; readonly width: AccessWidth; readonly value: number }

const width = fc.constantFrom<AccessWidth[]>(1, 2, 4)
/** Where something happens, a little around it, and anywhere. */
const offset = fc
  .oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(fc.constantFrom(...rows), fc.integer({ min: -3, max: 3 })).map(([[at], by]) => at + by),
    },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 0x110 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: spaceEnd + 4 }) },
  )
  .filter((at) => at >= 0)
const value = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 0xffff_ffff, 2, 6, 7, 0x8000, 0xe000_0000, 0x6000),
)
const access: fc.Arbitrary<Access> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), offset, width }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), offset, width, value }) },
)

describe('config space of an assigned device', () => {
  it('is what the specifications say, after any sequence of accesses', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(access, { maxLength: 40, size: 'max' }), async (accesses) => {
        const { device, vmm } = openModel('flr')
        const model = new ModelSpace()
        for (const step of accesses) {
          if (step.do === 'read') {
            assert.equal(device.readConfig(step.offset, step.width), model.read(step.offset, step.width))
            continue
          }
          device.writeConfig(step.offset, step.width, step.value % 2 ** (8 * step.width))
          if (!model.write(step.offset, step.width, step.value)) {
            assert.deepEqual([...vmm.traps].map(({ space, address }) => `${space} ${address}`).sort(), model.places())
            continue
          }
          assert.equal(device.readConfig(0, 4), 0xffff_ffff)
          await device.settled()
          model.reset()
        }
        for (let at = 0; at < 0x110; at++) {
          assert.equal(device.readConfig(at, 1), model.read(at, 1), `the byte at 0x${at.toString(16)}`)
        }
      }),
      { numRuns: runs, seed },
    )
  })
})
