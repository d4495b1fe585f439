import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hotResetClusters } from '../../../src/reset/hot-reset-clusters.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'

describe('devices that are reset together', () => {
  it('take turns only where one bus reset would reach both', () => {
    const machine = new SimulatedMachine()
    const functions = ['siblings.0', 'flr', 'edu', 'siblings.1'].map((name) =>
      createSimulatedFunction(`sim:${name}`, { machine }),
    )
    const clusters = hotResetClusters(functions).map((cluster) => cluster.map(({ address }) => address))
    assert.deepEqual(clusters, [['sim:flr'], ['sim:edu'], ['sim:siblings.0', 'sim:siblings.1']])
  })

  it('of no device are none', () => assert.deepEqual(hotResetClusters([]), []))
})
