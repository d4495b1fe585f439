import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { parseDeviceReference, resolveAddress } from '../../../src/host/device-reference.js'
import { normalizeAddress } from '../../../src/host/pci-address.js'
import { fakeTree } from './fake-sysfs.js'

function failsWith(code: string, message: RegExp) {
  return (error: unknown): boolean =>
    error instanceof QuiesceError && error.code === code && message.test(error.message) && error.hint !== undefined
}

describe('a PCI address', () => {
  for (const [text, full] of [
    ['0000:03:00.0', '0000:03:00.0'],
    ['03:00.0', '0000:03:00.0'],
    ['3:1F.7', '0000:03:1f.7'],
    ['0:0:0.0', '0000:00:00.0'],
    ['10000:E1:00.0', '10000:e1:00.0'],
    ['00010000:e1:00.0', '10000:e1:00.0'],
  ] as const) {
    it(`${text} is ${full}`, () => assert.equal(normalizeAddress(text), full))
  }

  for (const text of [
    '',
    '03:00',
    '03:00.8',
    '03:20.0',
    '0000:103:00.0',
    '03:00.0 ',
    '../03:00.0',
    'g3:00.0',
    '03:00.0\n',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(normalizeAddress(text), undefined))
  }
})

describe('a device reference', () => {
  it('may be an address, ids or a simulated model', () => {
    assert.deepEqual(parseDeviceReference('03:00.0'), { kind: 'address', address: '0000:03:00.0' })
    assert.deepEqual(parseDeviceReference('8086:10C9'), { kind: 'ids', vendorId: 0x8086, deviceId: 0x10c9 })
    assert.deepEqual(parseDeviceReference('sim:edu'), { kind: 'sim', model: 'edu' })
  })

  for (const text of ['', 'edu', 'sim:', '/dev/vfio/3', '8086', '8086:10c9:1', '../../etc']) {
    it(`cannot be ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseDeviceReference(text), failsWith('USAGE', /^Cannot understand device /))
    })
  }

  it('by ids finds the only device that has them', () => {
    using tree = fakeTree([{ address: '0000:02:00.0' }, { address: '0000:03:00.0', ids: '1B36:0010' }])
    assert.equal(resolveAddress({ kind: 'ids', vendorId: 0x1b36, deviceId: 0x10 }, tree.sysfs), '0000:03:00.0')
  })

  it('by ids that several devices have is refused, and they are listed', () => {
    using tree = fakeTree([{ address: '0000:02:00.0' }, { address: '0000:03:00.0' }])
    assert.throws(
      () => resolveAddress({ kind: 'ids', vendorId: 0x8086, deviceId: 0x10c9 }, tree.sysfs),
      failsWith('USAGE', /2 devices match \(0000:02:00\.0, 0000:03:00\.0\)/),
    )
  })

  it('to what is not there is refused', () => {
    using tree = fakeTree([{ address: '0000:02:00.0' }])
    assert.throws(
      () => resolveAddress({ kind: 'ids', vendorId: 0x1234, deviceId: 0x11e8 }, tree.sysfs),
      failsWith('NO_DEVICE', /^Cannot find 1234:11e8/),
    )
    assert.throws(
      () => resolveAddress({ kind: 'address', address: '0000:04:00.0' }, tree.sysfs),
      failsWith('NO_DEVICE', /^Cannot find 0000:04:00\.0/),
    )
  })
})
