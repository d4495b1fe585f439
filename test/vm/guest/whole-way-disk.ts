// In the guest: how the innermost guest uses the nvme device, by its kernel's own driver. Each read takes `readMs`, because the
// drive behind the device is that slow.
import { nvmeSlowReadMs } from '../devices.js'
import type { ShellGuest } from '../shell-guest.js'

export const readMs = nvmeSlowReadMs
const readers = 4

export interface Disk {
  readonly driver: string
  /** As the device tells them by DMA. */
  readonly serial: string
  readonly model: string
}

/** Waits for the disk: the kernel reads it to find partitions. */
export async function findDisk(guest: ShellGuest): Promise<Disk> {
  const output = await guest.expect(`
for i in $(seq 100); do [ -b /dev/nvme0n1 ] && break; sleep 1; done
cd /sys/class/nvme/nvme0
basename $(readlink device/driver)
cat serial model
`)
  const [driver = '', serial = '', model = ''] = output.split('\n').map((line) => line.trim())
  return { driver, serial, model }
}

const read = (place: string) => `dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1 skip=${place} iflag=direct 2> /dev/null`

/** From now on there are always reads under way, and they do not all end at the same time. */
export async function keepReading(guest: ShellGuest): Promise<void> {
  await guest.expect(`
for i in $(seq ${readers}); do (while :; do ${read('$((i * 1000))')}; done) > /dev/null 2>&1 & usleep ${(readMs * 1000) / readers}; done
`)
}

export interface ReadTraffic {
  readonly reads: number
  /** As the innermost kernel counts them. */
  readonly interrupts: number
}

/** One read after the other. */
export async function readSome(guest: ShellGuest, reads: number): Promise<ReadTraffic> {
  const taken = async () =>
    Number(
      await guest.expect(
        `awk '/nvme/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum }' /proc/interrupts`,
      ),
    )
  const before = await taken()
  await guest.expect(`for i in $(seq ${reads}); do ${read('$((i * 1000))')}; done`)
  return { reads, interrupts: (await taken()) - before }
}
