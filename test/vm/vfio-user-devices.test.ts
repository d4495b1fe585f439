// Devices written in TypeScript, in front of an unmodified Debian kernel: Linux binds its own drivers to them.
import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bootWithVfioUser } from './boot-shell-guest.js'
import type { ShellGuest } from './shell-guest.js'
import { type ExampleDevices, serveExamples, serveMoreExamples } from './vfio-user-fixture.js'

const mount = 'mkdir -p /mnt && mount -t ext4 /dev/nvme0n1p1 /mnt'

async function assertBound(guest: ShellGuest): Promise<void> {
  assert.match(await guest.expect('cat /sys/class/misc/hw_random/rng_current'), /^virtio_rng/)
  assert.match(await guest.expect('readlink /sys/block/nvme0n1/device/device/driver'), /\/nvme$/m)
  const interrupts = await guest.expect('cat /proc/interrupts')
  assert.match(interrupts, /MSIX.*nvme0q1/)
  assert.match(interrupts, /MSIX.*virtio0-input/)
}

/** Feature bits that a virtio driver has negotiated. */
async function features(guest: ShellGuest, driver: string): Promise<ReadonlySet<number>> {
  const bits = (await guest.expect(`cat /sys/bus/virtio/drivers/${driver}/virtio*/features`)).trim()
  return new Set([...bits].flatMap((bit, i) => (bit === '1' ? [i] : [])))
}

/** Every write to a BAR came without wanting an answer; those to config space are answered. */
function assertPosted({ traffic }: ExampleDevices): void {
  for (const each of traffic) {
    const [posted, configured] = [each.barAccesses('writes'), each.writes.get(7)]
    const answered = each.replies.get('REGION_WRITE') ?? 0
    console.log(`${each.device.name}: ${posted} writes to BARs, ${configured} to config space, ${answered} answers`)
    assert.ok(posted > 20)
    assert.equal(answered, configured)
    assert.equal(each.replies.get('REGION_WRITE_MULTI') ?? 0, 0)
    assert.equal(each.replies.get('REGION_READ'), each.barAccesses('reads') + (each.reads.get(7) ?? 0))
  }
}

/** Whether every byte of the file is 0. */
const isZero = async (path: string) => (await readFile(path)).every((byte) => byte === 0)

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
      const negotiated = await features(guest, 'virtio_rng')
      for (const bit of [28, 29, 32]) assert.ok(negotiated.has(bit), `feature ${bit}`)
      // The driver asks for 64 bytes at a time, and each time takes eight messages.
      const digest = await fillDisk(guest, sharedMemory ? 256 : 64)
      await guest.restart('reboot')
      await assertBound(guest)
      assert.equal(await digestOnDisk(guest), digest)
      await guest.expect('e2fsck -fn /dev/nvme0n1p1')
      assertQuiet(devices)
      assertPosted(devices)
      assert.equal(await guest.powerOff(), 0)
    })
  }

  it('give back what a file system does not use, and all of a disk that is discarded', async () => {
    await using devices = await serveExamples()
    await using guest = await bootWithVfioUser({ sockets: devices.sockets })
    const blocks = async () => (await stat(devices.path)).blocks
    assert.notEqual((await guest.expect('cat /sys/block/nvme0n1/queue/discard_max_bytes')).trim(), '0')
    assert.notEqual((await guest.expect('cat /sys/block/nvme0n1/queue/write_zeroes_max_bytes')).trim(), '0')
    // Everything that was there is discarded before the file system is made.
    await guest.expect('tr "\\0" Q < /dev/zero | dd of=/dev/nvme0n1 bs=64k count=512 iflag=fullblock oflag=direct')
    const full = await blocks()
    await guest.expect('mkfs.ext4 -q -F -E discard /dev/nvme0n1')
    assert.ok(!(await readFile(devices.path)).includes('Q'.repeat(512)), 'none of the old blocks is left')
    const formatted = await blocks()
    assert.ok(formatted < full / 2, `${full} blocks before, ${formatted} after`)
    await guest.expect('mkdir -p /mnt && mount -t ext4 /dev/nvme0n1 /mnt')
    await guest.expect(
      'dd if=/dev/urandom of=/mnt/kept bs=64k count=16; dd if=/dev/urandom of=/mnt/gone bs=64k count=64',
    )
    const digest = await guest.expect('sync; sha256sum < /mnt/kept')
    const written = await blocks()
    await guest.expect('rm /mnt/gone; sync; fstrim /mnt')
    assert.ok((await blocks()) < written - 4096, 'two MiB less at least, of four')
    await guest.expect('umount /mnt && e2fsck -fn /dev/nvme0n1 && mount -t ext4 /dev/nvme0n1 /mnt')
    assert.equal(await guest.expect('sha256sum < /mnt/kept; umount /mnt'), digest)
    await guest.expect('blkdiscard /dev/nvme0n1')
    assert.ok(await isZero(devices.path))
    assert.equal(await blocks(), 0)
    assert.equal(await guest.powerOff(), 0)
  })

  it('have memory that the guest maps, and requests of many buffers in one place of a queue', async () => {
    await using devices = await serveMoreExamples()
    await using guest = await bootWithVfioUser({ sockets: devices.sockets })
    const place = 'device=$(dirname $(grep -l 0x0add /sys/bus/pci/devices/*/device)); echo 1 > $device/enable; '
    const address = async (bar: number) =>
      Number((await guest.expect(`${place} sed -n ${bar + 1}p $device/resource`)).split(' ')[0])
    const [registers, memory] = [await address(0), await address(2)]
    const words = [0x1122_3344, 7, 0x8000_0001]
    for (const [i, word] of words.entries()) await guest.expect(`devmem ${memory + 0x5000 * i} 32 ${word}`)
    assert.equal(Number(await guest.expect(`devmem ${memory + 0x5000} 32`)), 7)
    assert.equal(
      Number(await guest.expect(`devmem ${registers} 32`)),
      words.reduce((sum, word) => sum + word) % 2 ** 32,
    )
    await guest.expect(`devmem ${registers} 32 1`)
    const { memoryTraffic: traffic } = devices
    const [reads, writes] = [traffic.reads.get(2) ?? 0, traffic.writes.get(2) ?? 0]
    assert.deepEqual([reads, writes], [0, 0], 'no message about the memory')
    assert.equal(traffic.writes.get(0), 1)
    // QEMU posts no write of a device that has mapped memory.
    assert.equal(traffic.replies.get('REGION_WRITE'), 1 + (traffic.writes.get(1) ?? 0) + (traffic.writes.get(7) ?? 0))

    const negotiated = await features(guest, 'virtio_blk')
    for (const bit of [28, 29, 32]) assert.ok(negotiated.has(bit), `feature ${bit}`)
    await guest.expect('dd if=/dev/urandom of=/tmp/bytes bs=256k count=8')
    await guest.expect('dd if=/tmp/bytes of=/dev/vda bs=256k oflag=direct; echo 3 > /proc/sys/vm/drop_caches')
    await guest.expect('dd if=/dev/vda of=/tmp/back bs=256k count=8 iflag=direct && cmp /tmp/bytes /tmp/back')

    await guest.restart()
    assert.equal(await address(2), memory)
    assert.equal(Number(await guest.expect(`devmem ${memory} 32`)), 0, 'a reset clears it')
    await guest.expect(`devmem ${memory} 32 5`)
    assert.equal(Number(await guest.expect(`devmem ${registers} 32`)), 5)
    assert.equal((traffic.reads.get(2) ?? 0) + (traffic.writes.get(2) ?? 0), 0)
    assert.equal(await guest.powerOff(), 0)
  })

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
