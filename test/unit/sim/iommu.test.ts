import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IommuAttachment, IommuDomain } from '../../../src/sim/iommu.js'

function attached() {
  const attachment = new IommuAttachment()
  const domain = new IommuDomain()
  attachment.domain = domain
  return { attachment, domain }
}

const page = 4096n

describe('the IOMMU', () => {
  it('a write lands only in the bytes of the mapping', () => {
    const { attachment, domain } = attached()
    const bytes = new Uint8Array(4096)
    domain.add({ iova: 0x1000n, size: page, access: 'write', bytes })
    assert.deepEqual(attachment.write(0x1010n, Uint8Array.of(1, 2, 3)), { moved: 3, fault: undefined })
    assert.deepEqual([...bytes.subarray(0x0f, 0x14)], [0, 1, 2, 3, 0])
  })
  it('a write that runs out of a mapping lands up to its end', () => {
    const { attachment, domain } = attached()
    const bytes = new Uint8Array(4096)
    domain.add({ iova: 0x1000n, size: page, access: 'write', bytes })
    assert.deepEqual(attachment.write(0x1ffen, Uint8Array.of(7, 8, 9)), { moved: 2, fault: 'iommu-unmapped' })
    assert.deepEqual([...bytes.subarray(-2)], [7, 8])
  })
  it('a request crosses from one mapping into the next', () => {
    const { attachment, domain } = attached()
    const first = new Uint8Array(4096)
    const second = new Uint8Array(4096)
    domain.add({ iova: 0x1000n, size: page, access: 'read-write', bytes: first })
    domain.add({ iova: 0x2000n, size: page, access: 'read-write', bytes: second })
    assert.equal(attachment.write(0x1ffen, Uint8Array.of(1, 2, 3, 4)).fault, undefined)
    const back = new Uint8Array(4)
    assert.equal(attachment.read(0x1ffen, back).fault, undefined)
    assert.deepEqual([...back], [1, 2, 3, 4])
    assert.deepEqual([...second.subarray(0, 2)], [3, 4])
  })
  it('access that a mapping does not permit is a fault', () => {
    const { attachment, domain } = attached()
    domain.add({ iova: 0n, size: page, access: 'read', bytes: new Uint8Array(4096) })
    domain.add({ iova: page, size: page, access: 'write', bytes: new Uint8Array(4096) })
    assert.equal(attachment.write(0n, new Uint8Array(4)).fault, 'iommu-access')
    assert.equal(attachment.read(page, new Uint8Array(4)).fault, 'iommu-access')
  })
  it('the blocking domain lets nothing through', () => {
    const { attachment, domain } = attached()
    domain.add({ iova: 0n, size: page, access: 'read-write', bytes: new Uint8Array(4096) })
    attachment.domain = undefined
    assert.deepEqual(attachment.write(0n, new Uint8Array(4)), { moved: 0, fault: 'iommu-detached' })
  })
})
