import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readBusResetScope } from '../../../src/host/bus-reset-scope.js'
import { readInventory } from '../../../src/host/inventory.js'
import { readConfigBytes, readPciDevice, readPciSummary } from '../../../src/host/pci-device.js'
import { fakeTree } from './fake-sysfs.js'

const bars = [
  '0x00000000febc0000 0x00000000febdffff 0x0000000000040200',
  '0x000000000000c040 0x000000000000c05f 0x0000000000040101',
  '0x0000000000000000 0x0000000000000000 0x0000000000000000',
  '0x000000fe00000000 0x000000fe0fffffff 0x000000000014220c',
]

describe('a PCI function in sysfs', () => {
  it('is read with its ids, class, driver, group and reset methods', () => {
    using tree = fakeTree([
      { address: '0000:03:00.0', driver: 'igb', group: '17', files: { reset_method: 'flr pm bus' } },
    ])
    assert.deepEqual(readPciSummary(tree.sysfs, '0000:03:00.0'), {
      address: '0000:03:00.0',
      vendorId: 0x8086,
      deviceId: 0x10c9,
      classCode: 0x020000,
      driver: 'igb',
      iommuGroup: '17',
      resetMethods: ['flr', 'pm', 'bus'],
    })
  })

  it('without driver, group and reset methods has none of them', () => {
    using tree = fakeTree([{ address: '0000:00:05.0' }])
    const summary = readPciSummary(tree.sysfs, '0000:00:05.0')
    assert.equal(summary?.driver, undefined)
    assert.equal(summary?.iommuGroup, undefined)
    assert.equal(summary?.resetMethods, undefined)
  })

  it('whose reset methods were emptied has an empty list of them', () => {
    using tree = fakeTree([{ address: '0000:00:05.0', files: { reset_method: '' } }])
    assert.deepEqual(readPciSummary(tree.sysfs, '0000:00:05.0')?.resetMethods, [])
  })

  it('that is not there is undefined', () => {
    using tree = fakeTree([])
    assert.equal(readPciDevice(tree.sysfs, '0000:00:05.0'), undefined)
  })

  it('is read with everything else that sysfs knows', () => {
    using tree = fakeTree([
      { address: '0000:00:01.0', ids: '1B36:000C', classCode: 0x060400, driver: 'pcieport' },
      {
        address: '0000:01:00.0',
        behind: '0000:00:01.0',
        files: {
          revision: '0x01',
          numa_node: '1',
          power_state: 'D3hot',
          driver_override: 'vfio-pci',
          sriov_totalvfs: '8',
          resource: bars.join('\n'),
        },
        links: { virtfn0: '0000:01:10.0', virtfn10: '0000:01:12.4', virtfn2: '0000:01:10.4' },
      },
      { address: '0000:01:10.0', behind: '0000:00:01.0', links: { physfn: '0000:01:00.0' } },
    ])
    const device = readPciDevice(tree.sysfs, '0000:01:00.0')
    assert.equal(device?.revision, 1)
    assert.equal(device?.numaNode, 1)
    assert.equal(device?.powerState, 'D3hot')
    assert.equal(device?.driverOverride, 'vfio-pci')
    assert.equal(device?.subsystemVendorId, 0x1af4)
    assert.equal(device?.totalVirtualFunctions, 8)
    assert.equal(device?.parentBridge, '0000:00:01.0')
    assert.deepEqual(device?.virtualFunctions, ['0000:01:10.0', '0000:01:10.4', '0000:01:12.4'])
    assert.equal(readPciDevice(tree.sysfs, '0000:01:10.0')?.physicalFunction, '0000:01:00.0')
    assert.equal(readPciDevice(tree.sysfs, '0000:00:01.0')?.parentBridge, undefined)
  })

  it('has its BARs with kind, size and address', () => {
    using tree = fakeTree([{ address: '0000:01:00.0', files: { resource: bars.join('\n') } }])
    const resources = readPciDevice(tree.sysfs, '0000:01:00.0')?.resources ?? []
    assert.deepEqual(
      resources.map(({ name, kind, start, size, is64Bit, prefetchable }) => [
        name,
        kind,
        start,
        size,
        is64Bit,
        prefetchable,
      ]),
      [
        ['BAR0', 'memory', 0xfebc0000n, 0x20000n, false, false],
        ['BAR1', 'io', 0xc040n, 0x20n, false, false],
        ['BAR3', 'memory', 0xfe00000000n, 0x10000000n, true, true],
      ],
    )
  })

  it('gives as many bytes of config space as this user may read', () => {
    using tree = fakeTree([{ address: '0000:01:00.0', config: new Uint8Array(64).fill(7) }])
    assert.deepEqual(readConfigBytes(tree.sysfs, '0000:01:00.0'), new Uint8Array(64).fill(7))
    assert.equal(readConfigBytes(tree.sysfs, '0000:02:00.0'), undefined)
  })
})

describe('the inventory', () => {
  it('lists by number, long domains last', () => {
    using tree = fakeTree([
      { address: '10000:e1:00.0' },
      { address: '0000:0a:00.0' },
      { address: '0000:02:00.1' },
      { address: '0000:02:00.0' },
    ])
    assert.deepEqual(
      readInventory(tree.sysfs).map((device) => device.address),
      ['0000:02:00.0', '0000:02:00.1', '0000:0a:00.0', '10000:e1:00.0'],
    )
  })

  it('is empty on a machine without PCI', () => {
    assert.deepEqual(readInventory('/nonexistent'), [])
  })

  it('leaves out a function that goes away while it is listed', () => {
    using tree = fakeTree([{ address: '0000:02:00.0' }, { address: '0000:03:00.0', files: { uevent: '' } }])
    assert.deepEqual(
      readInventory(tree.sysfs).map((device) => device.address),
      ['0000:02:00.0'],
    )
  })
})

describe('the scope of a bus reset', () => {
  it('is everything below the bridge, through further bridges', () => {
    using tree = fakeTree([
      { address: '0000:00:01.0', classCode: 0x060400, driver: 'pcieport' },
      { address: '0000:01:00.0', behind: '0000:00:01.0', driver: 'vfio-pci' },
      { address: '0000:01:01.0', behind: '0000:00:01.0', classCode: 0x060400 },
      { address: '0000:02:00.0', behind: '0000:01:01.0', driver: 'nvme' },
      { address: '0000:00:02.0' },
    ])
    assert.deepEqual(readBusResetScope(tree.sysfs, '0000:01:00.0'), {
      bridge: '0000:00:01.0',
      functions: [
        { address: '0000:01:00.0', driver: 'vfio-pci' },
        { address: '0000:01:01.0' },
        { address: '0000:02:00.0', driver: 'nvme' },
      ],
    })
  })

  it('does not exist on a root bus', () => {
    using tree = fakeTree([{ address: '0000:00:02.0' }])
    assert.equal(readBusResetScope(tree.sysfs, '0000:00:02.0'), undefined)
    assert.equal(readBusResetScope(tree.sysfs, '0000:00:03.0'), undefined)
  })
})
