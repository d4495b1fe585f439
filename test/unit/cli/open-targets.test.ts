import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeveralErrors } from '../../../src/cli/error-output.js'
import { openTargets } from '../../../src/cli/open-targets.js'
import type { Target } from '../../../src/cli/reset-targets.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'

const targets = ['sim:flr', 'sim:edu', 'sim:nvme'].map((name): Target => ({ kind: 'sim', name }))

/** Opens simulated devices; those in `stubborn` cannot be closed, and `absent` cannot be opened. */
function maker(closed: string[], stubborn: readonly string[], absent?: string) {
  const make = async () => async (name: string) => {
    if (name === absent) throw new Error(`cannot open ${name}`)
    const fn = createSimulatedFunction(name)
    const close = async (): Promise<void> => {
      closed.push(name)
      if (stubborn.includes(name)) throw new Error(`cannot close ${name}`)
    }
    return { fn, close }
  }
  return { sim: make, pci: make }
}

describe('devices that are open together', () => {
  it('are opened the way that was asked for', async () => {
    const ways: string[] = []
    const make = maker([], [])
    const noting = (way: string) => {
      ways.push(way)
      return make.sim()
    }
    await using _ = await openTargets(targets, 'cdev', { sim: noting, pci: noting })
    assert.deepEqual(ways, ['cdev'])
  })

  it('are all closed, last first, even where one cannot be', async () => {
    const closed: string[] = []
    const opened = await openTargets(targets, 'auto', maker(closed, ['sim:edu']))
    await assert.rejects(async () => opened[Symbol.asyncDispose](), { message: 'cannot close sim:edu' })
    assert.deepEqual(closed, ['sim:nvme', 'sim:edu', 'sim:flr'])
  })

  it('say of each that could not be closed', async () => {
    const closed: string[] = []
    const opened = await openTargets(targets, 'auto', maker(closed, ['sim:edu', 'sim:flr']))
    await assert.rejects(
      async () => opened[Symbol.asyncDispose](),
      (error) => {
        assert.ok(error instanceof SeveralErrors)
        assert.equal(error.message, 'cannot close sim:edu; cannot close sim:flr')
        return true
      },
    )
  })

  it('are closed where one cannot be opened, and the first error is the one that counts', async () => {
    const closed: string[] = []
    await assert.rejects(openTargets(targets, 'auto', maker(closed, [], 'sim:nvme')), {
      message: 'cannot open sim:nvme',
    })
    assert.deepEqual(closed, ['sim:edu', 'sim:flr'])
    const opening = openTargets(targets, 'auto', maker(closed, ['sim:edu'], 'sim:nvme'))
    await assert.rejects(opening, { message: 'cannot open sim:nvme; cannot close sim:edu' })
    assert.deepEqual(closed, ['sim:edu', 'sim:flr', 'sim:edu', 'sim:flr'])
  })
})
