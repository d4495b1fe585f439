// Machines that the program is shown through --sysroot.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type FakeTree, fakeTree } from '../host/fake-sysfs.js'

/** A network card behind a port that is ready, a disk that the host uses, and a sound card that shares a group. */
export function passthroughMachine(): FakeTree {
  return fakeTree(
    [
      { address: '0000:00:00.0', ids: '8086:29C0', classCode: 0x060000 },
      { address: '0000:00:01.0', ids: '1B36:000C', classCode: 0x060400, driver: 'pcieport', group: '1' },
      {
        address: '0000:01:00.0',
        behind: '0000:00:01.0',
        driver: 'vfio-pci',
        group: '7',
        files: { reset_method: 'flr bus', resource: '0x00000000febc0000 0x00000000febdffff 0x0000000000040200' },
      },
      { address: '0000:02:00.0', ids: '1B36:0010', classCode: 0x010802, driver: 'nvme', group: '8' },
      { address: '0000:03:00.0', ids: '8086:1572', driver: 'vfio-pci', group: '9' },
      { address: '0000:03:00.1', ids: '8086:1572', driver: 'i40e', group: '9' },
      { address: '0000:04:00.0', ids: '8086:2668', classCode: 0x040300, driver: 'vfio-pci' },
      { address: '0000:05:00.0', ids: '1234:11E8', classCode: 0x00ff00, group: '12' },
    ],
    ['vfio/vfio', 'vfio/7', 'vfio/9'],
  )
}

/** Devices that the table of known devices has an entry for, and a function of a card that it does not mean. */
export function knownDevicesMachine(): FakeTree {
  return fakeTree(
    [
      { address: '0000:06:00.0', ids: '1425:4401', driver: 'vfio-pci', group: '13' },
      { address: '0000:07:00.0', ids: '1002:73BF', classCode: 0x030000, driver: 'vfio-pci', group: '14' },
      { address: '0000:07:00.1', ids: '1002:AB28', classCode: 0x040300, driver: 'vfio-pci', group: '14' },
    ],
    ['vfio/vfio', 'vfio/13', 'vfio/14'],
  )
}

/** A digest of every file below a directory: its path, its time, and its bytes or its target. */
export function fingerprint(root: string): string {
  const hash = createHash('sha256')
  const visit = (folder: string): void => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name)
      const stats = lstatSync(path)
      hash.update(`${path} ${stats.mtimeMs} ${stats.mode}`)
      if (stats.isSymbolicLink()) hash.update(readlinkSync(path))
      else if (stats.isDirectory()) visit(path)
      else hash.update(readFileSync(path))
    }
  }
  visit(root)
  return hash.digest('hex')
}
