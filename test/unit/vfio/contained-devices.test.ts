import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ContainedDevices } from '../../../src/vfio/contained-devices.js'

const [contained, other] = ['0000:03:00.0', '0000:04:00.0']

describe('a container with a contained device', () => {
  const devices = () => {
    const made = new ContainedDevices()
    made.add(contained)
    return made
  }

  it('takes no memory, of whichever device', () => {
    assert.throws(() => devices().check(other, 0x1000n, 4096n), {
      code: 'DMA_CONFLICT',
      device: other,
      message: `Cannot map 4096 bytes at IOVA 0x1000 for ${other}: ${contained} in the same container is contained`,
      hint: `Close ${contained} first`,
    })
    assert.throws(() => devices().check(contained, 0n, 4096n), { code: 'DMA_CONFLICT', message: /: it is contained$/ })
  })

  it('takes memory again when the last of them is closed', () => {
    const two = devices()
    two.add(other)
    two.delete(contained)
    assert.equal(two.isEmpty, false)
    assert.throws(() => two.check(contained, 0n, 4096n), { code: 'DMA_CONFLICT' })
    two.delete(other)
    assert.equal(two.isEmpty, true)
    assert.doesNotThrow(() => two.check(contained, 0n, 4096n))
  })
})
