// The whole way: a device on the kernel's VFIO, served by vfio-user, in a guest of QEMU 11 with KVM, inside of the VM.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { CountedTraffic, CutOfEdu, Paused, Rebooted, WholeWay } from './guest/whole-way.js'
import type { NextClient } from './guest/whole-way-service.js'
import { nestedGuest } from './nested-guest.js'
import { runInVm, type VmRun } from './run-in-vm.js'
import { topology } from './topology.js'
import { assertQuiet } from './whole-way-quiet.js'

describe('a device that the kernel assigns and that is served by vfio-user to a guest of QEMU 11 on KVM', () => {
  let run: VmRun
  before(async () => {
    run = await runInVm({
      program: 'whole-way',
      topology: topology(['edu-root']),
      ...(await nestedGuest()),
      timeoutMs: 600_000,
    })
    assert.equal(run.exitCode, 0, run.serial)
  })

  it('does DMA', () => {
    const found = run.results[0] as WholeWay
    assert.deepEqual(found.kvm, { enabled: true, present: true })
    assert.match(found.kernel, /^Linux \d+\.\d+/)
    assert.equal(found.ids, '0x1234 0x11e8')
    assert.equal(found.copied, found.pattern)
  })

  it('costs the server no message while the guest accesses the BAR and takes interrupts', () => {
    const { rounds, answered, interrupts, messages, messagesOfConfig } = run.results[1] as CountedTraffic
    assert.equal(answered, rounds)
    assert.equal(interrupts, rounds)
    assert.equal(messages, 0)
    assert.ok(messagesOfConfig > 0, 'an access to config space is a message: so the count can fail')
  })

  it('writes to the memory of a guest that stands still, where nobody quiets it', () => {
    assert.equal((run.results[2] as Paused).landed, true)
  })

  it("writes nothing to memory after QEMU's system_reset in the middle of a DMA", () => {
    const cut = run.results[3] as CutOfEdu
    assert.equal(cut.wasInFlight, true)
    assertQuiet(run, 'edu-root', cut, [1, 2, 3])
    assert.ok(cut.verdicts.length > 0 && cut.verdicts.every((verdict) => verdict === 'quiesced'), `${cut.verdicts}`)
  })

  it('does DMA for the guest that was reset', () => {
    assert.equal((run.results[4] as Rebooted).copied, (run.results[0] as WholeWay).pattern)
  })

  it("writes nothing to memory after QEMU's end by SIGKILL in the middle of a DMA", () => {
    const cut = run.results[5] as CutOfEdu
    assert.equal(cut.wasInFlight, true)
    assertQuiet(run, 'edu-root', cut, [4, 5, 6])
    assert.deepEqual(cut.verdicts, ['quiesced'])
  })

  it('is there for the next client', () => {
    assert.deepEqual(run.results[6] as NextClient, { status: 0, said: '11e81234 true' })
  })
})
