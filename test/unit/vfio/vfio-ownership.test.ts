// Opening devices on a machine that has no VFIO: sysfs and /dev are folders made for the test.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'

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
