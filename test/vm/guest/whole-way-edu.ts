// In the guest: how the innermost guest drives the edu device (QEMU docs/specs/edu.rst), by its shell and without a driver.
import { setTimeout as wait } from 'node:timers/promises'
import type { ShellGuest } from '../shell-guest.js'
import { transferMs } from './edu-driver.js'

const device = '/sys/bus/pci/devices/0000:00:04.0'

/** Where the device is in the innermost guest. */
export const innerPlace = { bus: 'pcie.0', addr: '4' } as const

/** For the innermost kernel: it then knows nothing of the memory that the device is let at, and nobody else uses it. */
export const knownMemory = 'mem=120M'
const source = 0x800_0000
export const target = 0x800_1000
export const pattern = '0xC0FFEE11'
export const transferLength = 256
const mostAttempts = 5
/** Long, because a command that is still to be carried out would start a transfer at an odd time. */
const answerMs = 60_000

const prologue = `
set -e
bar=$(awk 'NR == 1 { print $1 }' ${device}/resource)
put() { devmem $((bar + $1)) 64 $2; }
`

const enable = `
echo 1 > ${device}/enable
printf '\\006' | dd of=${device}/config bs=1 seek=4 conv=notrunc 2> /dev/null
`

/** A pattern into the device's buffer and out of it. Each of the two takes about 100 ms. What came back. */
export async function copyThroughDevice(guest: ShellGuest): Promise<string> {
  const output = await guest.expect(`${prologue}${enable}
devmem ${source} 32 ${pattern}
devmem ${target} 32 0
put 0x80 ${source}; put 0x88 0x40000; put 0x90 4; put 0x98 1; sleep 1
put 0x80 0x40000; put 0x88 ${target}; put 0x90 4; put 0x98 3; sleep 1
devmem ${target} 32
`)
  return output.trim()
}

/** Sets up a transfer of the pattern to memory, so that one more write starts it. */
export async function prepareTransfer(guest: ShellGuest): Promise<void> {
  await guest.expect(`${prologue}${enable}
devmem ${source} 32 ${pattern}
put 0x80 ${source}; put 0x88 0x40000; put 0x90 4; put 0x98 1; sleep 1
put 0x80 0x40000; put 0x88 ${target}; put 0x90 ${transferLength}
`)
}

/**
 * Starts it, again and again until it has been seen in flight: on a busy host, who watches may sleep through a whole transfer.
 * The guest may be gone by then, so nobody waits for its answer.
 * @throws Error if none of many was seen
 */
export async function startTransfer(guest: ShellGuest, isSeen: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    let isOver = false
    const answer = guest.run(`${prologue}put 0x98 3`, answerMs).catch(() => {})
    void answer.then(() => wait(2 * transferMs)).then(() => (isOver = true))
    while (!isOver) {
      if (isSeen()) return
      await wait(1)
    }
  }
  throw new Error(`Cannot see a transfer in flight: none of the ${mostAttempts} that were started was seen`)
}

/**
 * Lets the device interrupt by MSI, with the vector of posted interrupts: the innermost kernel handles and counts it, and has
 * no other use for it, because it has no guests.
 */
export async function enableMsi(guest: ShellGuest): Promise<void> {
  // The capability is at 0x40 (PCI 3.0, 6.8.1): address, data and, last, MSI Enable.
  await guest.expect(`set -e
poke() { dd of=${device}/config bs=$1 seek=$(($2 / $1)) conv=notrunc 2> /dev/null; }
printf '\\000\\000\\340\\376' | poke 4 0x44
printf '\\000\\000\\000\\000' | poke 4 0x48
printf '\\362\\000' | poke 2 0x4c
printf '\\201\\000' | poke 2 0x42
`)
}

export interface Traffic {
  /** Reads that gave what was written just before. */
  readonly answered: number
  /** As the innermost kernel counts them. */
  readonly interrupts: number
}

/** Three accesses to the BAR and one interrupt a round. */
export async function makeTraffic(guest: ShellGuest, rounds: number): Promise<Traffic> {
  const output = await guest.expect(
    `${prologue}
taken() { awk '$1 == "PIN:" { print $2 }' /proc/interrupts; }
before=$(taken); answered=0; i=0
while [ $i -lt ${rounds} ]; do
  devmem $((bar + 0x60)) 32 1
  [ "$(devmem $((bar + 0x24)) 32)" = 0x00000001 ] && answered=$((answered + 1))
  devmem $((bar + 0x64)) 32 1
  i=$((i + 1))
done
after=$(taken)
echo $answered $((after - before))
`,
    200_000,
  )
  const [answered = NaN, interrupts = NaN] = output.trim().split(' ').map(Number)
  return { answered, interrupts }
}

/** One access to config space, which is a message. */
export async function readConfig(guest: ShellGuest): Promise<void> {
  await guest.expect(`dd if=${device}/config bs=4 count=1 > /dev/null 2>&1`)
}

export async function readIds(guest: ShellGuest): Promise<string> {
  return (await guest.expect(`cat ${device}/vendor ${device}/device`)).trim().replace('\n', ' ')
}
