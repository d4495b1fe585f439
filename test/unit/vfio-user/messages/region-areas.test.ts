import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mappableAreas, regionInfoReply } from '../../../../src/vfio-user/messages/region-areas.js'
import { assertComesBack, client } from './wire.js'

const areas = [
  { offset: 0n, size: 0x1000n },
  { offset: 0x2000n, size: 0x2000n },
]
const region = { index: 2, flags: 7, size: 0x4000n, offset: 0x10000n, areas }

/** The struct, the capability's header, and 16 bytes for each area. */
const needed = 32 + 16 + 2 * 16

describe('the areas of a region that may be mapped', () => {
  it('come back from the reply', () => {
    assert.deepEqual(mappableAreas(regionInfoReply(region, needed)), areas)
  })

  it('travel in the reply', () => {
    const payload = regionInfoReply(region, needed)
    assertComesBack({ kind: 'reply', id: 1, command: 'DEVICE_GET_REGION_INFO', fds: 1, payload }, client)
  })

  it('are left out if the request has no room, and the reply says what they take', () => {
    const reply = regionInfoReply(region, needed - 1)
    assert.deepEqual([reply.argsz, reply.flags, reply.cap_offset, reply.capabilities.byteLength], [needed, 7, 0, 0])
    assert.equal(mappableAreas(reply), undefined)
  })

  it('are not mentioned where there are none: the reply is the struct, which Cloud Hypervisor counts on', () => {
    const reply = regionInfoReply({ ...region, areas: [] }, 4096)
    assert.deepEqual([reply.argsz, reply.flags, reply.capabilities.byteLength], [32, 7, 0])
  })

  it('are only those inside the region', () => {
    const beyond = { offset: 0x3000n, size: 0x1001n }
    assert.deepEqual(mappableAreas(regionInfoReply({ ...region, areas: [...areas, beyond] }, 4096)), areas)
  })

  it('are none if there are fewer than the capability counts', () => {
    const reply = regionInfoReply(region, needed)
    assert.deepEqual(mappableAreas({ ...reply, capabilities: reply.capabilities.subarray(0, 32) }), [])
  })

  it('are found behind another capability', () => {
    const reply = regionInfoReply(region, needed)
    const other = Uint8Array.of(9, 0, 1, 0, 40, 0, 0, 0)
    assert.deepEqual(mappableAreas({ ...reply, capabilities: Uint8Array.of(...other, ...reply.capabilities) }), areas)
  })

  it('are sought to the end of a chain that runs in a circle', () => {
    const reply = regionInfoReply(region, needed)
    assert.equal(mappableAreas({ ...reply, capabilities: Uint8Array.of(9, 0, 1, 0, 32, 0, 0, 0) }), undefined)
  })
})
