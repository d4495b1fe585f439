import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planMemory } from '../../../src/device/memory/plan-memory.js'
import type { GuestMemoryRange } from '../../../src/device/vmm.js'

const page = 0x1000n

/** Pages `first` to `first + count - 1` of the guest, at the same place in a file. */
function range(
  first: number,
  count: number,
  fd = 3,
  access: GuestMemoryRange['access'] = 'read-write',
): GuestMemoryRange {
  const guestAddress = BigInt(first) * page
  return { guestAddress, size: BigInt(count) * page, access, backing: { fd, offset: guestAddress } }
}

const none = { removals: [], additions: [], excess: 0 }

describe('the plan of a change of guest memory', () => {
  it('is empty where nothing changes, however it is announced', () => {
    assert.deepEqual(planMemory([range(0, 4)], [range(0, 4)]), none)
    assert.deepEqual(planMemory([range(0, 4)], [range(0, 2), range(2, 2)]), none)
    assert.deepEqual(planMemory([range(0, 2), range(2, 2)], [range(0, 4)]), none)
  })

  it('adds what is new to what stays', () => {
    assert.deepEqual(planMemory([range(0, 4)], [range(0, 8)]), { ...none, additions: [range(4, 4)] })
    assert.deepEqual(planMemory([range(2, 2)], [range(0, 8)]), { ...none, additions: [range(0, 2), range(4, 4)] })
  })

  it('never joins what was announced separately while there is room', () => {
    const announced = [range(0, 1), range(1, 1), range(2, 1)]
    assert.deepEqual(planMemory([], announced).additions, announced)
    assert.deepEqual(planMemory([], announced, 3).additions, announced)
  })

  it('joins only as much as the limit demands, and only what is one memory', () => {
    const announced = [range(0, 1), range(1, 1), range(2, 1, 4), range(3, 1), range(4, 1), range(5, 1, 3, 'read')]
    assert.deepEqual(planMemory([], announced, 5).additions, [range(0, 2), ...announced.slice(2)])
    const fewest = [range(0, 2), range(2, 1, 4), range(3, 2), range(5, 1, 3, 'read')]
    assert.deepEqual(planMemory([], announced, 4), { ...none, additions: fewest })
    assert.deepEqual(planMemory([], announced, 2), { ...none, additions: fewest, excess: 2 })
  })

  it('takes what is gone before what has to be mapped again in part', () => {
    const joined = range(0, 3)
    const gone = range(8, 1)
    const plan = planMemory([joined, gone], [range(0, 1), range(2, 1)])
    assert.deepEqual(plan.removals, [
      { mapping: gone, restores: [] },
      { mapping: joined, restores: [range(0, 1), range(2, 1)] },
    ])
    assert.deepEqual(plan.additions, [])
  })

  it('maps nothing again that is another memory now', () => {
    for (const changed of [range(0, 4, 9), range(0, 4, 3, 'read')]) {
      assert.deepEqual(planMemory([range(0, 4)], [changed]), {
        ...none,
        removals: [{ mapping: range(0, 4), restores: [] }],
        additions: [changed],
      })
    }
    const moved = { ...range(0, 4), backing: { fd: 3, offset: page } }
    assert.deepEqual(planMemory([range(0, 4)], [moved]).additions, [moved])
  })

  it('knows memory by what holds it', () => {
    const bytes = { bytes: new Uint8Array(0x2000), address: 0n, [Symbol.dispose]: () => {} }
    const of = (memory: typeof bytes): GuestMemoryRange => ({ ...range(0, 2), backing: { memory, offset: 0n } })
    assert.deepEqual(planMemory([of(bytes)], [of(bytes)]), none)
    assert.equal(planMemory([of(bytes)], [of({ ...bytes })]).additions.length, 1)
    const host = { ...range(0, 2), backing: { hostAddress: 0x7000_0000n } }
    assert.deepEqual(planMemory([host], [{ ...host, backing: { hostAddress: 0x7000_0000n } }]), none)
  })
})
