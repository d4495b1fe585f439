import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errnoNumber } from '../../../src/linux/errno.js'
import { refusal } from '../../../src/vfio/kernel-outcomes.js'
import { type OpenStep, openError } from '../../../src/vfio/open-errors.js'

const number = (name: string): number => errnoNumber(name) ?? assert.fail(name)

describe('what the kernel answers to opening a device', () => {
  const cases: readonly [step: OpenStep, errno: string, code: string][] = [
    ['open-container', 'ENOENT', 'NO_VFIO'],
    ['open-container', 'EACCES', 'PERMISSION'],
    ['open-group', 'EBUSY', 'BUSY'],
    ['open-group', 'EACCES', 'PERMISSION'],
    ['open-group', 'ENODEV', 'WRONG_DRIVER'],
    ['set-container', 'EBUSY', 'BUSY'],
    ['set-iommu', 'EPERM', 'NO_IOMMU'],
    ['set-iommu', 'ENODEV', 'NO_IOMMU'],
    ['get-device', 'EBUSY', 'BUSY'],
    ['get-device', 'ENODEV', 'WRONG_DRIVER'],
    ['get-device', 'EAGAIN', 'BUSY'],
  ]
  for (const [step, errno, code] of cases) {
    it(`${errno} at ${step} is ${code}, with a hint`, () => {
      const error = openError('0000:03:00.0', step, 'ioctl(X)', number(errno))
      assert.equal(error.code, code)
      assert.equal(error.device, '0000:03:00.0')
      assert.equal(error.errnoName, errno)
      assert.notEqual(error.hint ?? '', '')
      assert.ok(error.message.startsWith('Cannot open 0000:03:00.0: ioctl(X) failed with '), error.message)
    })
  }

  it('keeps an errno that it has no better explanation for', () => {
    const error = openError('0000:03:00.0', 'get-device', 'ioctl(X)', number('EIO'))
    assert.deepEqual([error.code, error.errnoName, error.hint], ['SYSTEM', 'EIO', undefined])
  })

  it('does not blame the user for an IOMMU that cannot isolate interrupts', () => {
    const { hint } = openError('0000:03:00.0', 'set-iommu', 'ioctl(VFIO_SET_IOMMU)', number('EPERM'))
    assert.match(hint ?? '', /interrupt remapping/)
  })
})

describe('what the kernel answers to a reset', () => {
  it('is a value with errno and words', () => {
    assert.deepEqual(refusal('reset', number('EINVAL')), {
      ok: false,
      errno: 'EINVAL',
      message: 'the kernel knows no way to reset this device',
    })
    assert.match(refusal('hot-reset', number('EINVAL')).message, /not owned/)
    assert.match(refusal('hot-reset-info', number('ENODEV')).message, /neither its bus nor its slot/)
  })

  it('is contention, by whichever lock a hot reset found taken, and so can be tried again', () => {
    for (const errno of ['EBUSY', 'EAGAIN']) {
      const { errno: name, message } = refusal('hot-reset', number(errno))
      assert.equal(name, 'EAGAIN')
      assert.match(message, /holds (its|a) lock/)
    }
    assert.equal(refusal('reset', number('EAGAIN')).errno, 'EAGAIN')
    assert.equal(refusal('unmap', number('EBUSY')).errno, 'EBUSY')
  })

  it('says what the C library says where nothing better is known', () => {
    assert.equal(refusal('reset', number('EIO')).message, 'i/o error')
    assert.equal(refusal('unmap', number('EINVAL')).message, 'invalid argument')
  })
})
