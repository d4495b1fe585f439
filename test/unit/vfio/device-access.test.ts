// Config space and regions, with an ordinary sparse file in the place of the device's.
import assert from 'node:assert/strict'
import { ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import type { AccessWidth } from '../../../src/function/config-space.js'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { readAt, writeAt } from '../../../src/linux/positioned-io.js'
import { VfioConfigSpace } from '../../../src/vfio/config-space.js'
import { DeviceGate } from '../../../src/vfio/device-gate.js'
import { VfioRegion } from '../../../src/vfio/region.js'
import type { VfioRegionInfo } from '../../../src/vfio/region-info.js'
import { ResetsUnderWay } from '../../../src/vfio/resets-under-way.js'

const address = '0000:00:04.0'
const configStart = 7n << 40n
const configSize = 256
const folder = mkdtempSync(join(tmpdir(), 'quiesce-'))
after(() => rmSync(folder, { recursive: true }))

function openDevice() {
  const path = join(folder, 'device')
  const file = new FileDescriptor(openSync(path, 'w+'), path)
  ftruncateSync(file.fd, Number(configStart) + configSize)
  const resets = new ResetsUnderWay()
  return { file, resets, gate: new DeviceGate(address, file, resets) }
}

let device = openDevice()
beforeEach(() => {
  device.file[Symbol.dispose]()
  device = openDevice()
})
after(() => device.file[Symbol.dispose]())

describe('config space', () => {
  const open = (size = configSize) => new VfioConfigSpace(device.gate, configStart, size)

  it('writes and reads little-endian at every width', () => {
    const config = open()
    config.write(0x10, 4, 0xfedcba98)
    const reads = [
      config.read(0x10, 4),
      config.read(0x10, 2),
      config.read(0x12, 2),
      config.read(0x10, 1),
      config.read(0x13, 1),
    ]
    assert.deepEqual(reads, [0xfedcba98, 0xba98, 0xfedc, 0x98, 0xfe])
    config.write(0x11, 1, 0)
    assert.equal(config.read(0x10, 4), 0xfedc0098)
    const raw = new Uint8Array(4)
    readAt(device.file.fd, configStart + 0x10n, raw)
    assert.deepEqual([...raw], [0x98, 0x00, 0xdc, 0xfe])
  })

  it('leaves what surrounds a write alone', () => {
    writeAt(device.file.fd, configStart, new Uint8Array(8).fill(0xaa))
    open().write(2, 2, 0)
    const raw = new Uint8Array(8)
    readAt(device.file.fd, configStart, raw)
    assert.deepEqual([...raw], [0xaa, 0xaa, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa])
  })

  const misuses: readonly [what: string, offset: number, width: number][] = [
    ['beyond the end', 256, 4],
    ['across the end', 254, 4],
    ['before the beginning', -4, 4],
    ['across a dword', 3, 2],
    ['at half an offset', 0.5, 1],
    ['of three bytes', 0, 3],
    ['of eight bytes', 0, 8],
  ]
  for (const [what, offset, width] of misuses) {
    it(`refuses an access ${what}`, () => {
      const config = open()
      assert.throws(() => config.read(offset, width as AccessWidth), { code: 'CONFIG_ACCESS', device: address })
      assert.throws(() => config.write(offset, width as AccessWidth, 0), { code: 'CONFIG_ACCESS' })
    })
  }

  it('refuses a value that does not fit', () => {
    const config = open()
    for (const [width, value] of [
      [1, 256],
      [2, -1],
      [4, 2 ** 32],
      [4, 1.5],
    ] as const) {
      assert.throws(() => config.write(0, width, value), { code: 'CONFIG_ACCESS', message: /does not fit/ })
    }
    assert.equal(config.read(0, 4), 0)
  })

  it('is an error where the kernel gives less than was asked for', () => {
    const config = open(4096)
    assert.throws(() => config.read(configSize, 4), {
      code: 'CONFIG_ACCESS',
      message: /^Cannot read config space at 0x100 of 0000:00:04\.0: pread transferred 0 of 4 bytes$/,
    })
  })

  it('is refused, not waited for, while the device is being reset', () => {
    const config = open()
    const reset = device.resets.begin([address])
    assert.throws(() => config.read(0, 4), { code: 'CONFIG_ACCESS', message: /the kernel is resetting it/ })
    assert.throws(() => config.write(4, 2, 0), { code: 'CONFIG_ACCESS' })
    reset[Symbol.dispose]()
    assert.equal(config.read(0, 4), 0)
  })

  it('is closed with the device', () => {
    const config = open()
    device.file[Symbol.dispose]()
    assert.throws(() => config.read(0, 4), { code: 'CLOSED' })
  })
})

describe('a region', () => {
  const info: VfioRegionInfo = {
    index: 2,
    size: 0x1000n,
    start: 2n << 40n,
    readable: true,
    writable: true,
    mappable: [{ offset: 0n, size: 0x1000n }],
    msixMappable: false,
    type: undefined,
  }
  const open = (changes: Partial<VfioRegionInfo> = {}) => new VfioRegion(device.gate, { ...info, ...changes }, false)

  it('reads and writes 1, 2, 4 and 8 bytes at its place in the file', () => {
    const region = open()
    for (const width of [1, 2, 4, 8]) {
      region.write(0x40n, new Uint8Array(width).fill(width))
      const bytes = new Uint8Array(width)
      region.read(0x40n, bytes)
      assert.ok(bytes.every((byte) => byte === width))
    }
    const raw = new Uint8Array(1)
    readAt(device.file.fd, (2n << 40n) + 0x40n, raw)
    assert.deepEqual([...raw], [8])
  })

  const misuses: readonly [what: string, offset: bigint, width: number][] = [
    ['beyond the end', 0x1000n, 4],
    ['across the end', 0xffcn, 8],
    ['before the beginning', -4n, 4],
    ['that is not aligned', 2n, 4],
    ['of three bytes', 0n, 3],
    ['of nothing', 0n, 0],
    ['of sixteen bytes', 0n, 16],
  ]
  for (const [what, offset, width] of misuses) {
    it(`refuses an access ${what}`, () => {
      const region = open()
      assert.throws(() => region.read(offset, new Uint8Array(width)), { code: 'REGION_ACCESS', device: address })
      assert.throws(() => region.write(offset, new Uint8Array(width)), { code: 'REGION_ACCESS' })
    })
  }

  it('is read-only or write-only as the kernel says', () => {
    assert.throws(() => open({ writable: false }).write(0n, new Uint8Array(4)), { code: 'REGION_ACCESS' })
    assert.throws(() => open({ readable: false }).read(0n, new Uint8Array(4)), { code: 'REGION_ACCESS' })
  })

  it('shares its file only where something of it may be mapped', () => {
    assert.deepEqual(open().file, { fd: device.file.fd, offset: 2n << 40n })
    assert.equal(open({ mappable: [] }).file, undefined)
  })

  it('is refused, not waited for, while the device is being reset', () => {
    const region = open()
    using _ = device.resets.begin([address])
    assert.throws(() => region.read(0n, new Uint8Array(4)), { code: 'REGION_ACCESS', message: /resetting/ })
  })
})

describe('resets under way', () => {
  it('are counted for each device', () => {
    const resets = new ResetsUnderWay()
    const first = resets.begin(['a', 'b'])
    const second = resets.begin(['a'])
    first[Symbol.dispose]()
    assert.deepEqual([resets.has('a'), resets.has('b')], [true, false])
    second[Symbol.dispose]()
    assert.equal(resets.has('a'), false)
  })
})
