// In the guest: two edu devices of one IOMMU group, offered by `quiesce serve` to one QEMU 11 with KVM. Its guest has each of
// them do DMA, before and after the machine is reset; then QEMU ends.
import { spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ShellGuest } from '../shell-guest.js'
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { startNestedGuest, vfioUserDevice } from './nested.js'
import { report } from './report.js'
import { knownMemory } from './whole-way-edu.js'

export type ServeEvent = Readonly<Record<string, unknown>>

export interface GroupAtQemu {
  readonly addresses: readonly string[]
  /** What came back of each device's own pattern, at the first boot and after the reset of the machine. */
  readonly copied: readonly (readonly string[])[]
  readonly events: readonly ServeEvent[]
  readonly status: number | null
}

const slots = [4, 5] as const
const addresses = (['edu-shared-a', 'edu-shared-b'] as const).map((name) => addressOf(name))
bindToVfio(...addresses)

const events: ServeEvent[] = []
const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const server = spawn(process.execPath, [program, 'serve', ...addresses, '--socket', '/tmp', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = new Promise<number | null>((resolve) => server.once('close', resolve))
let rest = ''
server.stdout.setEncoding('utf8').on('data', (text: string) => {
  const lines = (rest + text).split('\n')
  rest = lines.pop() ?? ''
  events.push(...lines.map((line) => JSON.parse(line)))
})
const count = (kind: string): number => events.filter(({ event }) => event === kind).length
const until = async (kind: string, times: number): Promise<void> => {
  while (count(kind) < times) await wait(20)
}

/** A pattern into the device's buffer and out of it, by the guest's shell. Each of the two takes about 100 ms. */
async function copyThrough(guest: ShellGuest, slot: number): Promise<string> {
  const folder = `/sys/bus/pci/devices/0000:00:0${slot}.0`
  const output = await guest.expect(`set -e
bar=$(awk 'NR == 1 { print $1 }' ${folder}/resource)
put() { devmem $((bar + $1)) 64 $2; }
echo 1 > ${folder}/enable
printf '\\006' | dd of=${folder}/config bs=1 seek=4 conv=notrunc 2> /dev/null
devmem 0x8000000 32 0x1234560${slot}
devmem 0x8001000 32 0
put 0x80 0x8000000; put 0x88 0x40000; put 0x90 4; put 0x98 1; sleep 1
put 0x80 0x40000; put 0x88 0x8001000; put 0x90 4; put 0x98 3; sleep 1
devmem 0x8001000 32
`)
  return output.trim()
}

async function copyThroughBoth(guest: ShellGuest): Promise<string[]> {
  const copied: string[] = []
  for (const slot of slots) copied.push(await copyThrough(guest, slot))
  return copied
}

await until('serving', 2)
const guest = await startNestedGuest({
  devices: addresses.flatMap((address, index) =>
    vfioUserDevice(`/tmp/${address}.sock`, { bus: 'pcie.0', addr: String(slots[index]) }),
  ),
  append: knownMemory,
  timeoutMs: 200_000,
})
const atFirst = await copyThroughBoth(guest)
await guest.restart()
const afterwards = await copyThroughBoth(guest)
await guest[Symbol.asyncDispose]()
await until('released', 2)
server.kill('SIGTERM')
report({ addresses, copied: [atFirst, afterwards], events, status: await ended } satisfies GroupAtQemu)
