// Two devices of one IOMMU group on the kernel's VFIO, served to a guest of QEMU 11 on KVM, inside of the VM.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { GroupAtQemu } from './guest/serve-group-qemu.js'
import { nestedGuest } from './nested-guest.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

interface Told {
  readonly device: string
  readonly event: string
  readonly cause?: string
  /** Of `released`. */
  readonly failure?: string | null
  readonly report?: { readonly verdict: string }
}

describe('two devices of one IOMMU group that are served to one QEMU', () => {
  let seen: GroupAtQemu
  let told: readonly Told[]

  before(async () => {
    const run = await runInVm({
      program: 'serve-group-qemu',
      topology: topology(['edu-shared-a', 'edu-shared-b']),
      ...(await nestedGuest()),
      timeoutMs: 600_000,
    })
    assert.equal(run.exitCode, 0, run.serial)
    seen = run.results[0] as GroupAtQemu
    told = seen.events as unknown as Told[]
  })

  it('both do DMA in its guest, also after the machine was reset', () => {
    const patterns = ['0x12345604', '0x12345605']
    assert.deepEqual(seen.copied, [patterns, patterns])
  })

  it('take the memory that QEMU lays out anew for one after the other', () => {
    const refused = seen.events.filter(({ event }) => event === 'refused')
    assert.deepEqual(refused, [])
  })

  it('are both clean after the reset of the machine, and after its end', () => {
    for (const device of seen.addresses) {
      const verdicts = told.flatMap((each) =>
        each.device === device && each.event === 'reset-report' ? [`${each.cause} ${each.report?.verdict}`] : [],
      )
      assert.ok(verdicts.includes('companion clean') || verdicts.includes('client clean'), `${verdicts}`)
      assert.match(verdicts.at(-1) ?? '', / clean$/)
    }
    assert.equal(seen.status, 0)
  })

  it('are closed and opened once QEMU, which had their files, is gone: it has kept none', () => {
    const of = (kind: string) => told.filter(({ event }) => event === kind).map(({ device }) => device)
    assert.deepEqual(of('reopened').sort(), [...seen.addresses].sort())
    const failures = told.filter(({ event, failure }) => event === 'released' && failure !== null)
    assert.deepEqual(failures, [])
  })
})
