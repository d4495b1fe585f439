import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeErrno, errnoName, errnoNumber } from '../../../src/linux/errno.js'
import { systemCallError } from '../../../src/linux/system-call-error.js'

describe('errno', () => {
  it('names the numbers that VFIO answers with', () => {
    const names = [1, 5, 6, 11, 12, 13, 14, 16, 17, 19, 22, 25, 28].map(errnoName)
    assert.deepEqual(names, [
      'EPERM',
      'EIO',
      'ENXIO',
      'EAGAIN',
      'ENOMEM',
      'EACCES',
      'EFAULT',
      'EBUSY',
      'EEXIST',
      'ENODEV',
      'EINVAL',
      'ENOTTY',
      'ENOSPC',
    ])
  })

  it('prefers the names that the kernel uses where a number has two', () => {
    assert.equal(errnoName(95), 'EOPNOTSUPP')
    assert.equal(errnoName(524), 'ENOTSUPP')
  })

  it('keeps a number that has no name', () => {
    assert.equal(errnoName(4000), 'errno 4000')
    assert.equal(describeErrno(4000), 'unknown error')
    assert.equal(errnoNumber('ENOSUCHNAME'), undefined)
  })

  it('finds the number of a name', () => {
    assert.equal(errnoNumber('ENOTTY'), 25)
  })
})

describe('system call errors', () => {
  const cases = [
    { errno: 1, code: 'PERMISSION' },
    { errno: 13, code: 'PERMISSION' },
    { errno: 16, code: 'BUSY' },
    { errno: 5, code: 'SYSTEM' },
  ] as const
  for (const { errno, code } of cases) {
    it(`gives ${errnoName(errno)} the code ${code}`, () => {
      const error = systemCallError({ action: 'open x', syscall: 'open', errno })
      assert.equal(error.code, code)
      assert.equal(error.errno, errno)
      assert.equal(error.errnoName, errnoName(errno))
    })
  }

  it('says the action, the call, the name and the meaning', () => {
    const error = systemCallError({ action: 'reset 0000:00:05.0', syscall: 'ioctl(VFIO_DEVICE_RESET)', errno: 25 })
    assert.equal(
      error.message,
      'Cannot reset 0000:00:05.0: ioctl(VFIO_DEVICE_RESET) failed with ENOTTY (inappropriate ioctl for device)',
    )
    assert.equal(error.syscall, 'ioctl(VFIO_DEVICE_RESET)')
  })

  it('lets the caller know better', () => {
    const error = systemCallError({ action: 'x', syscall: 'y', errno: 1 }, { code: 'NO_IOMMU', hint: 'h', device: 'd' })
    assert.deepEqual([error.code, error.hint, error.device], ['NO_IOMMU', 'h', 'd'])
  })
})
