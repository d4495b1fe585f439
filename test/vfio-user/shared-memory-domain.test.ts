import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { DmaBackingKind } from '../../src/function/dma.js'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemoryDomain } from '../../src/vfio-user/server/shared-memory-domain.js'
import { RecordingDmaSpace } from '../unit/device/recording-dma-space.js'
import { ClientFile, page, viewOf } from './client-memory-pieces.js'

const size = 4n * page
const at = 0x10_0000n

/** Two devices of one space. The kernel's map is what the first records: it makes the mappings, and each is one of both. */
function twoDevices(backings?: readonly DmaBackingKind[]) {
  const space = new RecordingDmaSpace(backings === undefined ? {} : { backings })
  const mapped = (): string[] => [...space.held].map(({ iova, size }) => `${iova.toString(16)}+${size.toString(16)}`)
  return { space, one: viewOf(space), two: viewOf(space), mapped }
}

describe('memory of clients in one address space', () => {
  it('that two of them give is mapped once, and goes with the last', () => {
    using file = new ClientFile(size)
    const { space, one, two, mapped } = twoDevices()
    const domain = new SharedMemoryDomain()
    using first = file.give({ address: at, size })
    using second = file.give({ address: at, size })
    domain.map(one, first)
    domain.map(two, second)
    assert.deepEqual(mapped(), ['100000+4000'])
    domain.unmap(first)
    assert.deepEqual(mapped(), ['100000+4000'])
    domain.unmap(second)
    assert.deepEqual(mapped(), [])
    assert.deepEqual(space.log, ['map 0x100000 0x4000 read-write', 'unmap 0x100000 0x4000'])
    domain.unmap(second)
  })

  for (const [what, piece] of [
    ['a part of it', { address: at, size: page }],
    ['more of it', { address: at - page, size }],
    ['another part of the file', { address: at, size: 2n * page, offset: page }],
    ['less access', { address: at, size: 2n * page, access: 'read' }],
  ] as const) {
    it(`${what} at the same place is refused with EEXIST while the other holds it`, async () => {
      using file = new ClientFile(size)
      const { one, two, mapped } = twoDevices()
      const domain = new SharedMemoryDomain({ patienceMs: 1 })
      using first = file.give({ address: at, size: 2n * page })
      using second = file.give(piece)
      domain.map(one, first)
      await assert.rejects(async () => domain.map(two, second), { code: 'DMA_CONFLICT', errnoName: 'EEXIST' })
      assert.deepEqual(mapped(), ['100000+2000'])
      domain.unmap(first)
      domain.map(two, second)
      assert.equal(mapped().length, 1)
    })
  }

  it('of another file, and of what is no file of memory, is never the same', async () => {
    using file = new ClientFile(size)
    using other = new ClientFile(size)
    using eventfd = new EventFd()
    const { one, two } = twoDevices()
    const domain = new SharedMemoryDomain({ patienceMs: 1 })
    using first = file.give({ address: at, size })
    using second = other.give({ address: at, size })
    domain.map(one, first)
    await assert.rejects(async () => domain.map(two, second), { errnoName: 'EEXIST' })
    domain.unmap(first)
    // All eventfds are one inode, as all files of VFIO devices are.
    const anonymous = () => ({ ...first, file: { fd: eventfd.fd, offset: 0n } })
    domain.map(one, anonymous())
    assert.throws(() => void domain.map(two, anonymous()), { errnoName: 'EEXIST' })
  })

  it('that replaces what another has not yet let go of waits for that', async () => {
    using before = new ClientFile(size)
    using after = new ClientFile(size)
    const { space, one, two, mapped } = twoDevices()
    const domain = new SharedMemoryDomain()
    using oldOne = before.give({ address: at, size })
    using oldTwo = before.give({ address: at, size })
    using newOne = after.give({ address: at + page, size: page })
    using newTwo = after.give({ address: at + page, size: page })
    domain.map(one, oldOne)
    domain.map(two, oldTwo)
    domain.unmap(oldOne)
    const waiting = domain.map(one, newOne)
    assert.ok(waiting !== undefined)
    await wait(1)
    assert.deepEqual(mapped(), ['100000+4000'])
    domain.unmap(oldTwo)
    domain.map(two, newTwo)
    await waiting
    assert.deepEqual(mapped(), ['101000+1000'])
    assert.equal(space.log.length, 3)
  })

  for (const isLost of [false, true]) {
    it(`in a space that takes no files${isLost ? ', and has lost all,' : ''} stays with whoever is left`, () => {
      using file = new ClientFile(size)
      const { space, one, two } = twoDevices(['memory'])
      const domain = new SharedMemoryDomain()
      using first = file.give({ address: at, size })
      using second = file.give({ address: at, size })
      domain.map(one, first)
      domain.map(two, second)
      assert.deepEqual([first.looked, second.looked], [1, 0])
      if (isLost) {
        space.loseAll()
        domain.cutOff(one)
      }
      domain.unmap(first)
      assert.equal(space.held.size, isLost ? 0 : 1)
      domain.readmit(one)
      assert.deepEqual([first.looked, second.looked, space.held.size], [1, 1, 1])
    })
  }

  it('is mapped when the last contained device is let in again, as it is then', () => {
    using file = new ClientFile(size)
    const { space, one, two, mapped } = twoDevices()
    const domain = new SharedMemoryDomain()
    using first = file.give({ address: at, size: page })
    using second = file.give({ address: at + page, size: page })
    using third = file.give({ address: at + 2n * page, size: page })
    domain.map(one, first)
    domain.map(two, second)
    space.loseAll()
    domain.cutOff(one)
    domain.cutOff(two)
    domain.map(two, third)
    domain.unmap(first)
    assert.deepEqual(mapped(), [])
    domain.readmit(one)
    assert.deepEqual(mapped(), [])
    domain.readmit(two)
    assert.deepEqual(mapped(), ['101000+1000', '102000+1000'])
    const { length } = space.log
    domain.readmit(one)
    assert.equal(space.log.length, length, 'the other is not cut off for a moment')
  })

  it('that the IOMMU keeps is told, is nobody’s, and is tried again when it is in the way', () => {
    using file = new ClientFile(size)
    const { space, one, two, mapped } = twoDevices()
    const domain = new SharedMemoryDomain()
    using first = file.give({ address: at, size })
    using second = file.give({ address: at, size })
    domain.map(one, first)
    space.refuse = (line) => line.startsWith('unmap')
    assert.throws(() => domain.unmap(first), /refused/)
    assert.throws(() => void domain.map(two, second), /refused/)
    space.refuse = () => false
    domain.map(two, second)
    assert.deepEqual(mapped(), ['100000+4000'])
    assert.equal(space.log.length, 3)
  })
})
