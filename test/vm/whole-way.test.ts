// The whole way: a device on the kernel's VFIO, served by vfio-user, in a guest of QEMU 11 with KVM, inside of the VM.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accessesBetween } from './config-trace.js'
import type { WholeWay } from './guest/whole-way.js'
import { nestedGuest } from './nested-guest.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

const commandOffset = 4
const busMaster = 4

describe('a device that the kernel assigns and that is served by vfio-user', () => {
  it('does DMA for a guest of QEMU 11 on KVM, costs the server no message meanwhile, and is quiet when that guest has ended', async () => {
    const run = await runInVm({
      program: 'whole-way',
      topology: topology(['edu-root']),
      ...(await nestedGuest()),
      timeoutMs: 400_000,
    })
    assert.equal(run.exitCode, 0, run.serial)
    const found = run.results[0] as WholeWay
    assert.deepEqual(found.kvm, { enabled: true, present: true })
    assert.match(found.kernel, /^Linux \d+\.\d+/)
    assert.equal(found.ids, '0x1234 0x11e8')
    assert.equal(found.copied, found.pattern)
    assert.equal(found.status, 0)
    const { rounds, answered, interrupts, messages, messagesOfConfig } = found.traffic
    assert.equal(answered, rounds)
    assert.equal(interrupts, rounds)
    assert.equal(messages, 0)
    assert.ok(messagesOfConfig > 0, 'an access to config space is a message: so the count can fail')
    const commands = accessesBetween(run.configWrites, 1, 2).filter(
      ({ device, offset }) => device === 'edu-root' && offset === commandOffset,
    )
    assert.ok(commands.length > 0, 'the end of the client takes Bus Master away')
    assert.equal((commands.at(-1)?.value ?? busMaster) & busMaster, 0)
  })
})
