import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import {
  type AssignabilityFacts,
  type Blocker,
  blockerError,
  findBlockers,
  isDeviceNodeUsable,
} from '../../../src/host/assignability.js'
import { readAssignabilityFacts } from '../../../src/host/assignability-facts.js'
import { readIommuGroup } from '../../../src/host/iommu-group.js'
import { readPciSummary } from '../../../src/host/pci-device.js'
import { nodeAccess, readVfioAvailability } from '../../../src/host/vfio-availability.js'
import { readVfioDeviceNode } from '../../../src/host/vfio-device-node.js'
import { isVfioDriver, leavesGroupViable } from '../../../src/host/vfio-driver.js'
import { type FakeDevice, type FakeTree, fakeTree } from './fake-sysfs.js'

function blockersIn(tree: FakeTree, address: string): Blocker[] {
  const device = readPciSummary(tree.sysfs, address)
  assert.ok(device)
  const vfio = readVfioAvailability(tree.sysfs, tree.dev)
  return findBlockers(readAssignabilityFacts(device, vfio, tree.sysfs, tree.dev))
}

function checksOf(devices: readonly FakeDevice[], nodes: readonly string[] = ['vfio/vfio', 'vfio/7']): string[] {
  using tree = fakeTree(devices, nodes)
  return blockersIn(tree, '0000:03:00.0').map((blocker) => blocker.check)
}

const ready: FakeDevice = { address: '0000:03:00.0', driver: 'vfio-pci', group: '7' }

function readyFacts(): AssignabilityFacts {
  const driver = 'vfio-pci'
  return {
    device: {
      address: '0000:03:00.0',
      vendorId: 1,
      deviceId: 2,
      classCode: 0,
      driver,
      iommuGroup: '7',
      resetMethods: [],
    },
    group: { group: '7', members: [{ address: '0000:03:00.0', driver }] },
    vfio: { container: 'granted', iommufd: 'missing', driverLoaded: true, unsafeNoIommu: false, iommuGroups: true },
    groupNode: 'granted',
    deviceNode: undefined,
  }
}

describe('an IOMMU group', () => {
  it('names every member with the driver that holds it', () => {
    using tree = fakeTree([
      { address: '0000:03:00.1', group: '7' },
      { address: '0000:03:00.0', group: '7', driver: 'nvme' },
      { address: '0000:04:00.0', group: '8' },
    ])
    assert.deepEqual(readIommuGroup(tree.sysfs, '0000:03:00.1'), {
      group: '7',
      members: [{ address: '0000:03:00.0', driver: 'nvme' }, { address: '0000:03:00.1' }],
    })
  })

  it('is undefined where there is no IOMMU', () => {
    using tree = fakeTree([{ address: '0000:03:00.0' }])
    assert.equal(readIommuGroup(tree.sysfs, '0000:03:00.0'), undefined)
  })
})

describe('a function can be assigned', () => {
  it('when vfio-pci holds it and nothing else stands in the way', () => assert.deepEqual(checksOf([ready]), []))

  it('with bridges, idle functions and VFIO siblings in its group', () => {
    const siblings: FakeDevice[] = [
      { address: '0000:00:01.0', group: '7', driver: 'pcieport', classCode: 0x060400 },
      { address: '0000:03:00.1', group: '7' },
      { address: '0000:03:00.2', group: '7', driver: 'pci-stub' },
      { address: '0000:03:00.3', group: '7', driver: 'mlx5_vfio_pci' },
    ]
    assert.deepEqual(checksOf([ready, ...siblings]), [])
  })
})

describe('a function cannot be assigned', () => {
  it('without an IOMMU', () => {
    assert.deepEqual(checksOf([{ address: '0000:03:00.0', driver: 'vfio-pci' }]), ['iommu-group'])
  })

  it('while the host uses a sibling, which is named with its driver', () => {
    using tree = fakeTree(
      [ready, { address: '0000:03:00.1', group: '7', driver: 'snd_hda_intel' }],
      ['vfio/vfio', 'vfio/7'],
    )
    const [blocker, ...more] = blockersIn(tree, '0000:03:00.0')
    assert.equal(more.length, 0)
    assert.equal(blocker?.code, 'GROUP_NOT_VIABLE')
    assert.match(blocker?.reason ?? '', /IOMMU group 7 .*0000:03:00\.1 by snd_hda_intel/)
    assert.match(blocker?.hint ?? '', /0000:03:00\.1/)
  })

  it('while another driver holds it', () => {
    using tree = fakeTree([{ ...ready, driver: 'nvme' }], ['vfio/vfio'])
    const [blocker] = blockersIn(tree, '0000:03:00.0')
    assert.equal(blocker?.check, 'vfio-driver')
    assert.match(blocker?.reason ?? '', /nvme holds it/)
    assert.match(blocker?.hint ?? '', /driver_override/)
  })

  it('while no driver holds it', () => {
    assert.deepEqual(checksOf([{ address: '0000:03:00.0', group: '7' }], ['vfio/vfio']), ['vfio-driver'])
  })

  it('when it is a bridge', () => {
    assert.equal(checksOf([{ ...ready, classCode: 0x060400 }])[0], 'bridge')
  })

  it('without VFIO in the kernel, or without the file of its group', () => {
    assert.deepEqual(checksOf([ready], ['vfio/7']), ['vfio-container'])
    assert.deepEqual(checksOf([ready], ['vfio/vfio']), ['group-node'])
  })

  it('without permission for the file of its group', () => {
    const blockers = findBlockers({ ...readyFacts(), groupNode: 'denied' })
    assert.deepEqual(
      blockers.map(({ check, code }) => [check, code]),
      [['permission', 'PERMISSION']],
    )
    const [first] = blockers
    assert.ok(first)
    assert.equal(
      blockerError('reset', '0000:03:00.0', first).message,
      'Cannot reset 0000:03:00.0: this user may not open /dev/vfio/7',
    )
  })

  it('for every reason at once, each with what to do about it', () => {
    using tree = fakeTree([{ address: '0000:03:00.0', driver: 'e1000e' }])
    const blockers = blockersIn(tree, '0000:03:00.0')
    assert.deepEqual(
      blockers.map(({ check }) => check),
      ['iommu-group', 'vfio-driver', 'vfio-container'],
    )
    assert.ok(blockers.every(({ hint, brief }) => hint !== '' && brief !== ''))
  })
})

describe('what to do about a driver', () => {
  const hintFor = (device: FakeDevice): string => {
    using tree = fakeTree([device, { address: '0000:09:00.0', driver: 'vfio-pci' }], ['vfio/vfio'])
    return blockersIn(tree, '0000:03:00.0').find(({ check }) => check === 'vfio-driver')?.hint ?? ''
  }

  it('is to unbind it only where there is one', () => {
    assert.match(hintFor({ ...ready, driver: 'nvme' }), /0000:03:00\.0\/driver\/unbind/)
    assert.doesNotMatch(hintFor({ address: '0000:03:00.0', group: '7' }), /unbind/)
  })

  it('is not to load vfio-pci where it is there already', () => {
    assert.doesNotMatch(hintFor({ ...ready, driver: 'nvme' }), /modprobe/)
    using tree = fakeTree([{ ...ready, driver: 'nvme' }], ['vfio/vfio'])
    assert.match(blockersIn(tree, '0000:03:00.0')[0]?.hint ?? '', /modprobe vfio-pci/)
  })
})

describe('VFIO without an IOMMU', () => {
  it('is named as what it is', () => {
    const device = readyFacts()
    const blockers = findBlockers({ ...device, vfio: { ...device.vfio, unsafeNoIommu: true }, groupNode: 'missing' })
    assert.deepEqual(
      blockers.map(({ brief }) => brief),
      ['VFIO without IOMMU'],
    )
  })
})

describe('drivers', () => {
  it('of VFIO are vfio-pci and its variants', () => {
    assert.ok(['vfio-pci', 'mlx5_vfio_pci', 'nvgrace_gpu_vfio_pci', 'hisi-acc-vfio-pci'].every(isVfioDriver))
    assert.ok(![undefined, 'nvme', 'vfio-pci-core', 'notvfio-pci'].some(isVfioDriver))
  })

  it('that map memory keep a group from being viable', () => {
    assert.ok([undefined, 'pci-stub', 'pcieport', 'vfio-pci'].every(leavesGroupViable))
    assert.ok(!leavesGroupViable('nvme'))
  })
})

describe('the availability of VFIO', () => {
  it('is read from /dev and sysfs', () => {
    using tree = fakeTree([ready], ['vfio/vfio'])
    assert.deepEqual(readVfioAvailability(tree.sysfs, tree.dev), {
      container: 'granted',
      iommufd: 'missing',
      driverLoaded: true,
      unsafeNoIommu: false,
      iommuGroups: true,
    })
    assert.equal(nodeAccess(`${tree.dev}/vfio/9`), 'missing')
  })
})

describe('a function that the kernel hands out as a character device', () => {
  const path = '/dev/vfio/devices/vfio0'
  const facts = (
    changes: Partial<AssignabilityFacts['vfio']>,
    access: 'granted' | 'denied' | 'missing' = 'granted',
  ) => ({
    ...readyFacts(),
    vfio: { ...readyFacts().vfio, iommufd: 'granted' as const, ...changes },
    deviceNode: { path, access },
  })
  const checks = (...args: Parameters<typeof findBlockers>) => findBlockers(...args).map(({ check }) => check)

  it('needs neither a group’s file nor a container’s', () => {
    const without = { ...facts({ container: 'missing' }), groupNode: 'missing' as const }
    assert.equal(isDeviceNodeUsable(without), true)
    assert.deepEqual(checks(without), [])
    assert.deepEqual(checks(without, 'group'), ['vfio-container', 'group-node'])
  })

  it('can be opened by its group where this user may not open the device', () => {
    assert.deepEqual(checks(facts({}, 'denied')), [])
    assert.deepEqual(checks(facts({}, 'denied'), 'cdev'), ['permission'])
    assert.match(
      findBlockers(facts({}, 'denied'), 'cdev')[0]?.reason ?? '',
      /may not open \/dev\/vfio\/devices\/vfio0$/,
    )
  })

  it('says what is missing of either way', () => {
    assert.deepEqual(checks(facts({ iommufd: 'missing' }), 'cdev'), ['iommufd'])
    assert.deepEqual(checks(facts({ iommufd: 'denied', container: 'missing' })), ['permission'])
    assert.deepEqual(checks({ ...facts({ container: 'missing' }), deviceNode: undefined }), ['device-node'])
    assert.deepEqual(checks(facts({}, 'missing'), 'cdev'), ['device-node'])
  })

  it('is found in sysfs by the number that VFIO gave it', () => {
    using tree = fakeTree([ready], [])
    assert.equal(readVfioDeviceNode(tree.sysfs, tree.dev, ready.address), undefined)
    mkdirSync(`${tree.sysfs}/bus/pci/devices/${ready.address}/vfio-dev/vfio12`, { recursive: true })
    assert.equal(readVfioDeviceNode(tree.sysfs, tree.dev, ready.address), `${tree.dev}/vfio/devices/vfio12`)
  })
})
