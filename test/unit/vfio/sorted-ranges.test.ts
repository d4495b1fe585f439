import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SortedRanges } from '../../../src/vfio/sorted-ranges.js'

interface Range {
  readonly iova: bigint
  readonly size: bigint
}

const overlap = (a: Range, b: Range) => a.iova < b.iova + b.size && b.iova < a.iova + a.size

describe('ranges in order', () => {
  it('find what a plain list finds, whatever was added and deleted', () => {
    const range = fc.record({ iova: fc.bigInt(0n, 60n), size: fc.bigInt(1n, 8n) })
    fc.assert(
      fc.property(fc.array(fc.tuple(range, fc.boolean()), { maxLength: 40 }), range, (actions, asked) => {
        const sorted = new SortedRanges<Range>()
        const list: Range[] = []
        for (const [one, isDelete] of actions) {
          const known = list.find((other) => overlap(one, other))
          assert.equal(sorted.overlapping(one.iova, one.size) !== undefined, known !== undefined)
          if (known === undefined) {
            sorted.add(one)
            list.push(one)
          } else if (isDelete) {
            sorted.delete(known)
            list.splice(list.indexOf(known), 1)
          }
        }
        list.sort((a, b) => Number(a.iova - b.iova))
        assert.deepEqual([...sorted], list)
        assert.equal(sorted.count, list.length)
        const end = asked.iova + asked.size
        assert.deepEqual(
          sorted.inside(asked.iova, asked.size),
          list.filter((each) => each.iova >= asked.iova && each.iova + each.size <= end),
        )
        for (const each of list) assert.ok(sorted.has(each))
        assert.equal(sorted.has({ ...asked }), false)
      }),
    )
  })

  it('give everything back when they are cleared', () => {
    const sorted = new SortedRanges<Range>()
    sorted.add({ iova: 8n, size: 4n })
    sorted.add({ iova: 0n, size: 4n })
    assert.deepEqual(sorted.clear(), [
      { iova: 0n, size: 4n },
      { iova: 8n, size: 4n },
    ])
    assert.deepEqual([...sorted], [])
  })
})
