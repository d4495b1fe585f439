// Devices written in TypeScript, in front of an unmodified Debian kernel: Linux binds its own drivers to them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bootWithVfioUser } from './boot-shell-guest.js'
import type { ShellGuest } from './shell-guest.js'
import { type ExampleDevices, serveExamples } from './vfio-user-fixture.js'

const mount = 'mkdir -p /mnt && mount -t ext4 /dev/nvme0n1p1 /mnt'

async function assertBound(guest: ShellGuest): Promise<void> {
  assert.match(await guest.expect('cat /sys/class/misc/hw_random/rng_current'), /^virtio_rng/)
  assert.match(await guest.expect('readlink /sys/block/nvme0n1/device/device/driver'), /\/nvme$/m)
  const interrupts = await guest.expect('cat /proc/interrupts')
  assert.match(interrupts, /MSIX.*nvme0q1/)
  assert.match(interrupts, /MSIX.*virtio0-input/)
}

/** Partitions and formats the disk, and writes a file of random bytes to it; returns its digest. */
async function fillDisk(guest: ShellGuest, kibibytes: number): Promise<string> {
  await guest.expect("echo ',,L' | sfdisk -q /dev/nvme0n1")
  await guest.expect('mkfs.ext4 -q -F /dev/nvme0n1p1')
  await guest.expect(mount)
  await guest.expect(`dd if=/dev/hwrng of=/mnt/random bs=1k count=${kibibytes}`)
  const digest = await guest.expect('sha256sum < /mnt/random')
  await guest.expect('umount /mnt')
  return digest
}

async function digestOnDisk(guest: ShellGuest): Promise<string> {
  await guest.expect(mount)
  const digest = await guest.expect('echo 3 > /proc/sys/vm/drop_caches; sha256sum < /mnt/random')
  await guest.expect('umount /mnt')
  return digest
}

/** Keeps both devices busy in the background: reads to memory that differ from what is there, and writes. */
const busy =
  'for i in 1 2 3; do (while :; do dd if=/dev/nvme0n1 of=/dev/null bs=256k iflag=direct; done) & done; ' +
  '(while :; do dd if=/dev/hwrng of=/dev/null bs=4k count=16; done) & ' +
  '(while :; do dd if=/dev/zero of=/mnt/zeros bs=64k count=64 oflag=direct; done) &'

function assertQuiet({ rng, disk, events }: ExampleDevices): void {
  for (const device of [rng, disk]) {
    assert.ok(device.writes > 0)
    assert.equal(device.writesWhileQuiet, 0, 'nothing landed between a reset and the next time Bus Master was on')
  }
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'refused'),
    [],
  )
}

describe('the example devices in a guest', () => {
  for (const sharedMemory of [true, false]) {
    it(`work ${sharedMemory ? 'in shared memory' : 'by messages, where memory is not shared'}, and the disk survives a reboot`, async () => {
      await using devices = await serveExamples()
      await using guest = await bootWithVfioUser({ sockets: devices.sockets, sharedMemory })
      await assertBound(guest)
      // The driver asks for 64 bytes at a time, and each time takes eight messages.
      const digest = await fillDisk(guest, sharedMemory ? 256 : 64)
      await guest.restart('reboot')
      await assertBound(guest)
      assert.equal(await digestOnDisk(guest), digest)
      await guest.expect('e2fsck -fn /dev/nvme0n1p1')
      assertQuiet(devices)
      assert.equal(await guest.powerOff(), 0)
    })
  }

  it('are reset in the middle of their work, by the reset line and by a reboot that stops nothing first', async () => {
    await using devices = await serveExamples()
    await using guest = await bootWithVfioUser({ sockets: devices.sockets })
    const digest = await fillDisk(guest, 256)
    for (const how of ['reset line', 'reboot', 'reset line'] as const) {
      await guest.expect(mount)
      await guest.run(busy)
      await sleep(1500)
      const { writes, resets } = devices.disk
      await guest.restart(how)
      assert.ok(writes > 1000, `${writes} writes to memory`)
      assert.ok(devices.disk.resets > resets)
      await assertBound(guest)
      assert.equal(await digestOnDisk(guest), digest)
    }
    assertQuiet(devices)
  })
})
