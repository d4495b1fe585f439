// The whole way of a disk controller: the kernel's VFIO, our server, QEMU 11 with KVM, and the driver of an unmodified Debian kernel.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { accessesBetween } from './config-trace.js'
import type { Disk } from './guest/whole-way-disk.js'
import type { WholeWayDisk } from './guest/whole-way-nvme.js'
import type { CutTransfer, NextClient } from './guest/whole-way-service.js'
import { nestedGuest } from './nested-guest.js'
import { runInVm, type VmRun } from './run-in-vm.js'
import { topology } from './topology.js'
import { assertQuiet } from './whole-way-quiet.js'

const expected: Disk = { driver: 'nvme', serial: 'quiesce', model: 'QEMU NVMe Ctrl' }

// QEMU's own account of what the drive has to do for the device (hw/nvme/trace-events).
const started = 'pci_nvme_read'
const completed = 'pci_nvme_rw_complete_cb'

/** How many reads the drive had not answered when Bus Master was cleared for the first time after a mark. */
function readsInFlight(run: VmRun, mark: number, next: number): number {
  const cleared = accessesBetween(run.configWrites, mark, next).find(
    ({ device, offset, value }) => device === 'nvme-slow' && offset === 4 && (value & 4) === 0,
  )
  const before = run.events.filter(({ atMs }) => atMs < (cleared?.atMs ?? 0))
  const count = (event: string) => before.filter(({ name }) => name === event).length
  return count(started) - count(completed)
}

describe('a disk controller that the kernel assigns and that is served by vfio-user to a guest of QEMU 11 on KVM', () => {
  let run: VmRun
  before(async () => {
    run = await runInVm({
      program: 'whole-way-nvme',
      topology: topology(['nvme-slow']),
      ...(await nestedGuest('debian')),
      traceEvents: [started, completed],
      timeoutMs: 800_000,
    })
    assert.equal(run.exitCode, 0, run.serial)
  })

  it("is driven by the guest's own driver, without a message to the server for each read", () => {
    const { disk, traffic, messages } = run.results[0] as WholeWayDisk
    assert.deepEqual(disk, expected)
    assert.ok(traffic.reads > 0 && traffic.interrupts >= traffic.reads, JSON.stringify(traffic))
    assert.equal(messages, 0)
  })

  it('writes to the memory of a guest that stands still, where nobody quiets it', () => {
    assert.equal((run.results[0] as WholeWayDisk).landedWhilePaused, true)
  })

  it("writes nothing to memory after QEMU's system_reset in the middle of reads", () => {
    const cut = run.results[1] as CutTransfer
    assert.ok(readsInFlight(run, 1, 2) > 0, 'nothing was in flight, so this shows nothing')
    assertQuiet(run, 'nvme-slow', cut, [1, 2, 3])
    assert.ok(cut.verdicts.length > 0 && cut.verdicts.every((verdict) => verdict === 'clean'), `${cut.verdicts}`)
  })

  it('is driven by the guest that was reset', () => {
    assert.deepEqual(run.results[2] as Disk, expected)
  })

  it("writes nothing to memory after QEMU's end by SIGKILL in the middle of reads", () => {
    const cut = run.results[3] as CutTransfer
    assert.ok(readsInFlight(run, 4, 5) > 0, 'nothing was in flight, so this shows nothing')
    assertQuiet(run, 'nvme-slow', cut, [4, 5, 6])
    assert.deepEqual(cut.verdicts, ['clean'])
  })

  it('is there for the next client', () => {
    assert.deepEqual(run.results[4] as NextClient, { status: 0, said: '101b36 true' })
  })
})
