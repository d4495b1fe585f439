import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { describe, it } from 'node:test'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { ioctl, tryIoctl } from '../../../src/linux/ioctl.js'

const VFIO_DEVICE_RESET = { name: 'VFIO_DEVICE_RESET', request: 0x3b6f }
/** `TIOCGPTN` writes a u32, `TIOCSPTLCK` reads one, `TIOCGPTPEER` takes flags by value and returns a descriptor. */
const TIOCGPTN = { name: 'TIOCGPTN', request: 0x80045430 }
const TIOCSPTLCK = { name: 'TIOCSPTLCK', request: 0x40045431 }
const TIOCGPTPEER = { name: 'TIOCGPTPEER', request: 0x5441 }

describe('ioctl', () => {
  it('returns the errno of a file that has no such ioctl', () => {
    using file = FileDescriptor.open('/dev/null')
    assert.deepEqual(tryIoctl(file.fd, VFIO_DEVICE_RESET), { ok: false, errno: 25 })
    assert.deepEqual(tryIoctl(file.fd, VFIO_DEVICE_RESET, new Uint8Array(8)), { ok: false, errno: 25 })
    assert.deepEqual(tryIoctl(file.fd, VFIO_DEVICE_RESET, 3), { ok: false, errno: 25 })
  })

  it('throws an error with action, call, errno and name where failure is not expected', () => {
    using file = FileDescriptor.open('/dev/null')
    assert.throws(() => ioctl('reset /dev/null', file.fd, VFIO_DEVICE_RESET), {
      code: 'SYSTEM',
      syscall: 'ioctl(VFIO_DEVICE_RESET)',
      errno: 25,
      errnoName: 'ENOTTY',
      message: /^Cannot reset \/dev\/null: ioctl\(VFIO_DEVICE_RESET\) failed with ENOTTY/,
    })
  })

  it('lets the kernel write into a struct, read from one, and take a number by value', () => {
    using controller = FileDescriptor.open('/dev/ptmx')
    const number = new Uint8Array(4).fill(0xff)
    assert.equal(ioctl('x', controller.fd, TIOCGPTN, number), 0)
    assert.equal(number[3], 0, 'the kernel filled it in')
    // The peer opens only after the lock was taken away, so the kernel has read the zero.
    assert.equal(ioctl('x', controller.fd, TIOCSPTLCK, new Uint8Array(4)), 0)
    const readWriteNoTty = 0o402
    using peer = new FileDescriptor(ioctl('x', controller.fd, TIOCGPTPEER, readWriteNoTty), 'peer')
    assert.ok(peer.fd > 2)
  })

  it('reports EBADF for a descriptor that is not open', () => {
    const fd = openSync('/dev/null', 'r')
    new FileDescriptor(fd, 'null')[Symbol.dispose]()
    assert.deepEqual(tryIoctl(fd, VFIO_DEVICE_RESET), { ok: false, errno: 9 })
  })
})
