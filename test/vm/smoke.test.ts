// The VM itself: that it boots, and that its devices are what the tests on it take them for.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accessesBetween } from './config-trace.js'
import type { SmokeFunction } from './guest/smoke.js'
import { runInVm, type VmRun } from './run-in-vm.js'
import { topology } from './topology.js'

const resetMethodsOf = {
  'edu-root': [],
  'edu-root-2': [],
  'edu-port': ['bus'],
  'edu-slow': ['bus'],
  nvme: ['flr', 'bus'],
  e1000e: ['pm', 'bus'],
  'rng-pm': ['pm', 'bus'],
  'rng-park': ['bus'],
  'rng-slow': ['bus'],
}

function functionsOf(run: VmRun): SmokeFunction[] {
  assert.equal(run.exitCode, 0, run.serial)
  const results = run.results as { function?: SmokeFunction }[]
  return results.flatMap((result) => result.function ?? [])
}

describe('the test VM', () => {
  it('has its devices at the addresses of the topology, with vfio-pci, a group and the reset methods to test with', async () => {
    const machine = topology()
    const run = await runInVm({ program: 'smoke', topology: machine })
    const functions = new Map(functionsOf(run).map((found) => [found.address, found]))
    for (const { name, address, model } of machine.devices) {
      const found = functions.get(address)
      assert.equal(found?.ids, model.ids, `${name} at ${address}`)
      assert.equal(found?.driver, name === 'igb' ? 'pci-pf-stub' : 'vfio-pci', name)
      assert.notEqual(found?.iommuGroup, undefined, name)
      if (name in resetMethodsOf) {
        assert.deepEqual(found?.resetMethods, resetMethodsOf[name as keyof typeof resetMethodsOf], name)
      }
    }
    const virtualFunctions = [...functions.values()].filter(({ ids }) => ids === '8086:10ca')
    assert.equal(virtualFunctions.length, 2)
    for (const found of virtualFunctions) {
      assert.deepEqual([found.driver, found.resetMethods], ['vfio-pci', ['flr']])
    }
    assert.ok(accessesBetween(run.configWrites, 1, 2).some(({ device }) => device === 'igb'))
  })

  it('without an IOMMU has devices in no group', async () => {
    const run = await runInVm({ program: 'smoke', topology: topology(['edu-root'], { iommu: false }) })
    const edu = functionsOf(run).find(({ ids }) => ids === '1234:11e8')
    assert.deepEqual([edu?.address, edu?.iommuGroup, edu?.driver], ['0000:00:04.0', undefined, undefined])
  })

  it('tells a program that fails, one that does not end and one that takes the machine down apart', async () => {
    const machine = topology(['edu-root'])
    const endings = async (timeoutMs: number, ...args: string[]) => {
      const run = await runInVm({ program: 'ending', args, topology: machine, timeoutMs })
      return [run.ending, run.exitCode, run.results]
    }
    const enough = 120_000
    assert.deepEqual(await endings(enough, 'exit', '7', "it's"), ['exited', 7, [['exit', '7', "it's"]]])
    assert.deepEqual(await endings(enough, 'die'), ['died', undefined, [['die']]])
    // Too short a time even for the kernel to start.
    assert.deepEqual(await endings(100, 'hang'), ['timeout', undefined, []])
  })
})
