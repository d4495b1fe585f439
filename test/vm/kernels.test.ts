// The two kernels of the test VM: that what other tests rely on is there.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KernelSmoke } from './guest/kernel-smoke.js'
import { processorWithKvm } from './qemu-arguments.js'
import { type RunOptions, runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

async function smoke(options: Omit<RunOptions, 'program' | 'topology'>): Promise<KernelSmoke> {
  const run = await runInVm({ program: 'kernel-smoke', topology: topology(['edu-root', 'nvme']), ...options })
  assert.equal(run.exitCode, 0, run.serial)
  return run.results[0] as KernelSmoke
}

const nested = { cpuModel: processorWithKvm, modules: ['kvm'] } as const

describe('the kernels of the test VM', () => {
  it('Debian’s has no IOMMUFD, and KVM where its modules are asked for and the processor has SVM', async () => {
    const found = await smoke(nested)
    assert.deepEqual([found.iommufd, found.devices], [false, []])
    assert.deepEqual(found.kvm, { version: 12, machine: true })
  })

  it('the one with IOMMUFD has a node for each device, huge pages, and KVM without any module', async () => {
    const found = await smoke({ ...nested, kernel: 'iommufd' })
    assert.equal(found.iommufd, true)
    assert.deepEqual([...found.devices].sort(), ['vfio0', 'vfio1'])
    assert.ok(found.hugePages.includes('hugepages-2048kB'))
    assert.deepEqual(found.kvm, { version: 12, machine: true })
  })
})
