// Opening devices on a machine that has no VFIO: sysfs and /dev are folders made for the test.
import assert from 'node:assert/strict'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership, type VfioOwnershipOptions } from '../../../src/vfio/vfio-ownership.js'

const root = mkdtempSync(join(tmpdir(), 'quiesce-'))
after(() => rmSync(root, { recursive: true }))
const paths = { sysfs: join(root, 'sys'), dev: join(root, 'dev') }
const devices = join(paths.sysfs, 'bus/pci/devices')

function addDevice(address: string, options: { driver?: string; group?: string }): void {
  const folder = join(devices, address)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'uevent'),
    `PCI_CLASS=FF00\nPCI_ID=1234:11E8\n${options.driver ? `DRIVER=${options.driver}\n` : ''}`,
  )
  if (options.driver !== undefined) {
    const driver = join(paths.sysfs, 'bus/pci/drivers', options.driver)
    mkdirSync(driver, { recursive: true })
    symlinkSync(driver, join(folder, 'driver'))
  }
  if (options.group !== undefined) {
    const members = join(paths.sysfs, 'kernel/iommu_groups', options.group, 'devices')
    mkdirSync(members, { recursive: true })
    symlinkSync(folder, join(members, address))
    symlinkSync(join(paths.sysfs, 'kernel/iommu_groups', options.group), join(folder, 'iommu_group'))
  }
}

addDevice('0000:00:04.0', { driver: 'vfio-pci' })
addDevice('0000:00:05.0', { driver: 'e1000e', group: '5' })
addDevice('0000:00:06.0', { group: '6' })
addDevice('0000:03:00.0', { driver: 'vfio-pci', group: '7' })
addDevice('0000:03:00.1', { driver: 'snd_hda_intel', group: '7' })
addDevice('0000:04:00.0', { driver: 'vfio-pci', group: '8' })
addDevice('0000:05:00.0', { driver: 'vfio-pci', group: '9' })
mkdirSync(join(paths.dev, 'vfio'), { recursive: true })
writeFileSync(join(paths.dev, 'vfio/vfio'), '')
// A group file that is not the kernel's: every ioctl on it is ENOTTY.
writeFileSync(join(paths.dev, 'vfio/9'), '')

addDevice('0000:06:00.0', { driver: 'vfio-pci', group: '10' })
mkdirSync(join(devices, '0000:06:00.0/vfio-dev/vfio3'), { recursive: true })
mkdirSync(join(paths.dev, 'vfio/devices'))
// Files that are not the kernel's, as above.
for (const name of ['iommu', 'vfio/10', 'vfio/devices/vfio3']) writeFileSync(join(paths.dev, name), '')

const open = (address: string, changes: Partial<typeof paths> = {}) => {
  const ownership = new VfioOwnership({ paths: { ...paths, ...changes } })
  return openVfioFunction(address, ownership)
}

describe('opening a device', () => {
  const refusals: readonly [what: string, address: string, code: string, says: RegExp][] = [
    ['is not there', '0000:7f:00.0', 'NO_DEVICE', /there is no such PCI device/],
    ['is in no IOMMU group', '0000:00:04.0', 'NO_IOMMU', /IOMMU/],
    ['another driver holds', '0000:00:05.0', 'WRONG_DRIVER', /e1000e/],
    ['no driver holds', '0000:00:06.0', 'WRONG_DRIVER', /no driver/],
    [
      'shares its group with a device of the host',
      '0000:03:00.0',
      'GROUP_NOT_VIABLE',
      /0000:03:00\.1 by snd_hda_intel/,
    ],
    ['has no group file', '0000:04:00.0', 'NO_VFIO', /vfio\/8/],
  ]
  for (const [what, address, code, says] of refusals) {
    it(`that ${what} is refused with ${code}, and what to do about it`, async () => {
      await assert.rejects(open(address), (error: Error & { code?: string; device?: string; hint?: string }) => {
        assert.deepEqual([error.code, error.device], [code, address])
        assert.match(error.message, new RegExp(`^Cannot open ${address}: `))
        assert.match(error.message, says)
        assert.ok(code === 'NO_DEVICE' || error.hint)
        return true
      })
    })
  }

  it('on a kernel without VFIO is refused', async () => {
    await assert.rejects(open('0000:05:00.0', { dev: join(root, 'nothing') }), { code: 'NO_VFIO' })
  })

  it('with an owner that was disposed is refused', async () => {
    const ownership = new VfioOwnership({ paths })
    const opening = ownership.open('0000:05:00.0')
    ownership[Symbol.dispose]()
    await assert.rejects(opening, { code: 'CLOSED', device: '0000:05:00.0' })
    await assert.rejects(ownership.open('0000:05:00.0'), { code: 'CLOSED', message: /its owner was disposed/ })
  })

  it('leaves nothing open, and can be tried again, where the kernel refuses half-way', async () => {
    const ownership = new VfioOwnership({ paths })
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(openVfioFunction('0000:05:00.0', ownership), {
        code: 'SYSTEM',
        syscall: 'ioctl(VFIO_GROUP_GET_STATUS)',
        errnoName: 'ENOTTY',
      })
    }
    assert.deepEqual(ownership.functions, [])
  })
})

describe('how a device is opened', () => {
  const address = '0000:06:00.0'
  const firstCall = async (options: VfioOwnershipOptions) => {
    const ownership = new VfioOwnership({ paths, ...options })
    const error = await ownership.open(address).catch((reason: unknown) => reason)
    assert.ok(error instanceof QuiesceError)
    assert.deepEqual(ownership.functions, [])
    return [error.code, error.syscall]
  }

  it('is by its character device where there is one, unless the caller says otherwise', async () => {
    const bind = ['SYSTEM', 'ioctl(VFIO_DEVICE_BIND_IOMMUFD)']
    const group = ['SYSTEM', 'ioctl(VFIO_GROUP_GET_STATUS)']
    assert.deepEqual(await firstCall({}), bind)
    assert.deepEqual(await firstCall({ backend: 'auto' }), bind)
    assert.deepEqual(await firstCall({ backend: 'cdev' }), bind)
    assert.deepEqual(await firstCall({ backend: 'group' }), group)
  })

  it('is by its group where there is no character device, and not at all where that was asked for', async () => {
    const ownership = new VfioOwnership({ paths })
    await assert.rejects(ownership.open('0000:05:00.0'), { syscall: 'ioctl(VFIO_GROUP_GET_STATUS)' })
    const byDevice = new VfioOwnership({ paths, backend: 'cdev' })
    await assert.rejects(byDevice.open('0000:05:00.0'), { code: 'NO_VFIO', message: /no character device of it/ })
  })

  it('takes no VF token that is none', async () => {
    for (const backend of ['group', 'cdev'] as const) {
      const ownership = new VfioOwnership({ paths, backend })
      await assert.rejects(ownership.open(address, { vfToken: 'secret' }), { code: 'USAGE' })
    }
  })
})

describe('a device that somebody else has opened', () => {
  const address = '0000:06:00.0'
  const file = (name: string) => openSync(join(paths.dev, name), 'r+')

  it('is bound by the files that were given, and they stay the caller’s', async () => {
    const files = { deviceFd: file('vfio/devices/vfio3'), iommufdFd: file('iommu') }
    const ownership = new VfioOwnership({ paths: { sysfs: join(root, 'nothing'), dev: join(root, 'nothing') } })
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(ownership.adopt({ address, ...files }), {
        syscall: 'ioctl(VFIO_DEVICE_BIND_IOMMUFD)',
        errnoName: 'ENOTTY',
      })
    }
    // The iommufd was given once, and is still known.
    await assert.rejects(ownership.adopt({ address, deviceFd: files.deviceFd }), {
      syscall: 'ioctl(VFIO_DEVICE_BIND_IOMMUFD)',
    })
    ownership[Symbol.dispose]()
    for (const fd of Object.values(files)) closeSync(fd)
  })

  it('may come by its group', async () => {
    const groupFd = file('vfio/10')
    const ownership = new VfioOwnership({ paths })
    await assert.rejects(ownership.adopt({ address, groupFd }), { syscall: 'ioctl(VFIO_GROUP_GET_STATUS)' })
    closeSync(groupFd)
    await assert.rejects(ownership.adopt({ address, groupFd }), { syscall: 'fcntl', errnoName: 'EBADF' })
  })
})
