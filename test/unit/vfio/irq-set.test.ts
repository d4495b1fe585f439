import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeIrqSet } from '../../../src/vfio/irq-set.js'

const words = (bytes: Uint8Array): number[] => [...new Int32Array(bytes.buffer)]

const flag = { none: 1, eventfd: 4, unmask: 16, trigger: 32 } as const

describe('struct vfio_irq_set', () => {
  it('carries one eventfd for each vector, and -1 where there is none', () => {
    const bytes = encodeIrqSet({ kind: 'msix', action: 'trigger', data: 'eventfd', eventfds: [5, -1, 7] })
    assert.deepEqual(words(bytes), [32, flag.eventfd | flag.trigger, 2, 0, 3, 5, -1, 7])
  })

  it('begins at a vector where only that one is meant', () => {
    const bytes = encodeIrqSet({ kind: 'msix', action: 'trigger', data: 'eventfd', eventfds: [9], start: 3 })
    assert.deepEqual(words(bytes), [24, flag.eventfd | flag.trigger, 2, 3, 1, 9])
  })

  it('has an eventfd unmask INTx', () => {
    const bytes = encodeIrqSet({ kind: 'intx', action: 'unmask', data: 'eventfd', eventfds: [9] })
    assert.deepEqual(words(bytes), [24, flag.eventfd | flag.unmask, 0, 0, 1, 9])
  })

  it('turns a kind off with no data and no vectors', () => {
    const bytes = encodeIrqSet({ kind: 'msi', action: 'trigger', data: 'none', count: 0 })
    assert.deepEqual(words(bytes), [20, flag.none | flag.trigger, 1, 0, 0])
  })

  it('unmasks INTx', () => {
    const bytes = encodeIrqSet({ kind: 'intx', action: 'unmask', data: 'none', count: 1 })
    assert.deepEqual(words(bytes), [20, flag.none | flag.unmask, 0, 0, 1])
  })
})
