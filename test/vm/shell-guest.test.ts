// Guests that run shell commands: that they boot, obey, restart and end.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bootShellGuest } from './boot-shell-guest.js'
import { topology } from './topology.js'

describe('a guest that takes shell commands', () => {
  it('runs them, has a disk to make a file system on, restarts by its reset line and by a reboot, and turns itself off', async () => {
    const machine = topology(['nvme'], { iommu: false })
    await using guest = await bootShellGuest({ topology: machine })
    assert.deepEqual(await guest.run('echo one; echo two >&2; exit 3'), { status: 3, output: 'one\ntwo\n' })
    // QEMU's null drive takes every write and reads as zeros: enough for making, not for mounting.
    await guest.expect("echo ',16M,L' | sfdisk -q --no-reread --no-tell-kernel /dev/nvme0n1")
    await guest.expect('mkfs.ext4 -q -F /dev/nvme0n1 16M')
    await guest.expect('touch /tmp/mark')
    await guest.restart()
    assert.equal((await guest.run('test -e /tmp/mark')).status, 1)
    await guest.restart('reboot')
    assert.match(await guest.expect('lspci -n'), /1b36:0010/)
    assert.deepEqual(await guest.qmp('query-status'), { running: true, status: 'running' })
    assert.equal(await guest.powerOff(), 0)
    assert.ok(guest.events.includes('RESET') && guest.events.includes('SHUTDOWN'), guest.events.join(' '))
    await assert.rejects(guest.run('true'), /the machine has ended/)
  })
})
