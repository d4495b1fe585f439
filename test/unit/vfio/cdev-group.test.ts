import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CdevAttachment } from '../../../src/vfio/cdev-attachment.js'
import { CdevGroup, type CdevMember } from '../../../src/vfio/cdev-group.js'
import { DmaDomain } from '../../../src/vfio/dma-domain.js'
import { ResetsUnderWay } from '../../../src/vfio/resets-under-way.js'
import { FakeIommu } from './fake-iommu.js'

const [a, b] = ['0000:03:00.0', '0000:03:01.0']

class FakeDevice implements CdevMember {
  isOpen = true
  isAttached = true
  /** The errno of the next calls; 0 for none. */
  attachErrno = 0
  detachErrno = 0

  attach() {
    return this.#call(true, this.attachErrno)
  }

  detach() {
    return this.#call(false, this.detachErrno)
  }

  #call(attached: boolean, errno: number) {
    if (errno !== 0) return { ok: false, errno } as const
    assert.notEqual(this.isAttached, attached, 'the kernel is not asked for what is so already')
    this.isAttached = attached
    return { ok: true, value: 0 } as const
  }
}

function make() {
  const iommu = new FakeIommu()
  const resets = new ResetsUnderWay()
  const group = new CdevGroup('7', new DmaDomain(iommu))
  const devices = { a: new FakeDevice(), b: new FakeDevice() }
  group.add(a, devices.a)
  group.add(b, devices.b)
  const attachments = [a, b].map((address) => new CdevAttachment(address, group, resets, () => {}))
  const [first, second] = attachments as [CdevAttachment, CdevAttachment]
  return { iommu, resets, group, devices, first, second, attached: () => [devices.a.isAttached, devices.b.isAttached] }
}

describe('devices that the IOMMU cannot tell apart', () => {
  it('are detached together, and attached again together', () => {
    const { first, attached } = make()
    const contained = { ok: true, method: 'detach', alsoContained: [b] }
    assert.deepEqual(first.contain(), contained)
    assert.deepEqual(attached(), [false, false])
    assert.deepEqual(first.contain(), contained)
    assert.deepEqual(first.readmit(), { ok: true })
    assert.deepEqual(attached(), [true, true])
    assert.deepEqual(first.readmit(), { ok: true })
  })

  it('stay apart from memory until the last contained one of them is readmitted', () => {
    const { first, second, attached } = make()
    first.contain()
    second.contain()
    const refused = first.readmit()
    assert.deepEqual([refused.ok, !refused.ok && refused.errno], [false, 'EBUSY'])
    assert.deepEqual(attached(), [false, false])
    assert.deepEqual(second.readmit(), { ok: true })
    assert.deepEqual(attached(), [true, true])
  })

  it('come back when the contained one is closed', () => {
    const { first, group, devices } = make()
    first.contain()
    first.release()
    assert.deepEqual([group.addresses, group.isCutOff, devices.b.isAttached], [[b], false, true])
  })

  it('stay cut off where one is closed that was not what kept them out', () => {
    const { first, second, devices } = make()
    first.contain()
    second.release()
    assert.equal(devices.a.isAttached, false)
  })

  it('are not contained where one of them cannot be detached, but as far as it goes', () => {
    const { first, devices, group, attached } = make()
    devices.a.detachErrno = 5
    const outcome = first.contain()
    assert.deepEqual([outcome.ok, !outcome.ok && outcome.errno, group.isCutOff], [false, 'EIO', false])
    assert.deepEqual(attached(), [true, false])
    devices.a.detachErrno = 0
    assert.equal(first.contain().ok, true)
  })

  it('stay contained where one of them cannot be attached', () => {
    const { first, devices, group, attached } = make()
    first.contain()
    devices.b.attachErrno = 16
    const outcome = first.readmit()
    assert.deepEqual([!outcome.ok && outcome.errno, group.isCutOff, attached()], ['EBUSY', true, [false, false]])
    devices.b.attachErrno = 0
    assert.deepEqual(first.readmit(), { ok: true })
    assert.deepEqual(attached(), [true, true])
  })

  it('take in a newcomer as they are: attached, or cut off with the rest', () => {
    const { first, group } = make()
    first.contain()
    const late = new FakeDevice()
    late.isAttached = false
    group.add('0000:03:02.0', late)
    assert.equal(late.isAttached, false)
    first.readmit()
    assert.equal(late.isAttached, true)
  })
})

describe('a device whose bus is being reset', () => {
  it('is contained without waiting, by emptying its address space', () => {
    const { first, resets, iommu, attached } = make()
    const reset = resets.beginHotReset([a, b])
    assert.deepEqual(first.contain(), { ok: true, method: 'unmap-all', alsoContained: [b] })
    assert.deepEqual([iommu.take(), attached()], [['unmap all'], [true, true]])
    const early = first.readmit()
    assert.equal(!early.ok && early.errno, 'EBUSY')
    reset[Symbol.dispose]()
    assert.deepEqual([resets.hasHotReset(a), first.domain.takesMemory], [false, false])
    assert.deepEqual(first.readmit(), { ok: true })
    assert.equal(first.domain.takesMemory, true)
  })

  it('is contained so too once its file is closed', () => {
    const { first, devices } = make()
    devices.b.isOpen = false
    const outcome = first.contain()
    assert.equal(outcome.ok && outcome.method, 'unmap-all')
  })

  it('is detached in a reset of its own, which holds no such lock', () => {
    const { first, resets } = make()
    using _ = resets.begin([a])
    const outcome = first.contain()
    assert.equal(outcome.ok && outcome.method, 'detach')
  })
})
