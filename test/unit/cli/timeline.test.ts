import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makePaint } from '../../../src/cli/paint.js'
import { drawTimeline } from '../../../src/cli/timeline/timeline.js'

const plain = makePaint(false)

describe('a time line', () => {
  it('gives moments that are microseconds apart columns of their own', () => {
    const lines = drawTimeline(
      {
        endUs: 100_000,
        moments: [
          { atUs: 10, text: 'first' },
          { atUs: 12, text: 'second' },
          { atUs: 90_000, text: 'third' },
        ],
        lanes: [
          { label: 'lane', spans: [{ fromUs: 10, toUs: 12, glyph: '#' }], marks: [{ atUs: 90_000, glyph: '!' }] },
        ],
      },
      plain,
      80,
    )
    const [numbers = '', lane = '', ...words] = lines
    assert.equal(lane.indexOf('#'), numbers.indexOf('1'))
    assert.equal(lane.indexOf('!'), numbers.indexOf('3'))
    assert.ok(numbers.indexOf('2') >= numbers.indexOf('1') + 2)
    assert.deepEqual(words, ['   1     0.01 ms  first', '   2     0.01 ms  second', '   3    90.00 ms  third'])
  })

  it('never leaves its width, and shows a span that takes no time', () => {
    const lines = drawTimeline(
      {
        endUs: 5,
        moments: Array.from({ length: 12 }, (_, index) => ({ atUs: 5, text: `m${index}` })),
        lanes: [{ label: 'lane', spans: [{ fromUs: 5, toUs: 5, glyph: '#' }] }],
      },
      plain,
      60,
    )
    assert.ok((lines[0] ?? '').length <= 60)
    assert.equal((lines[1] ?? '').match(/#/g)?.length, 1)
  })
})
