// In the guest: one VMM with two edu devices of one IOMMU group, which `quiesce serve` offers. Says as JSON what it saw.
// Arguments: the addresses, whose sockets are in /tmp; or `stranger` and one address, for a process that is another VMM.
import { spawnSync } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { readInterruptCounts } from '../../../src/host/interrupt-counts.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { headerOffset } from '../../../src/pci/header.js'
import { openVfioUserFunction, type VfioUserFunction } from '../../../src/vfio-user/client/vfio-user-function.js'
import { EduDriver, transferMs } from './edu-driver.js'

export interface SeenByGroup {
  /** Whether the device that is named wrote to the memory that both clients gave. */
  readonly reached: Readonly<Record<'first' | 'second' | 'secondOnceFirstLetGo' | 'firstAfterReset', boolean>>
  /** What a client is told that gives other memory at the same address. */
  readonly conflict: string | undefined
  /** Interrupts that were asked for, that came, and that the kernel counts. */
  readonly interrupts: { readonly raised: number; readonly came: number; readonly counted: number }
  readonly resets: readonly boolean[]
  /** What another process was told at the second device, while this one had the first. */
  readonly stranger: string
}

const iova = 0x10_0000n
const page = 0x1000n
const [raise, acknowledge] = [0x60n, 0x64n]

const open = (address: string): VfioUserFunction => openVfioUserFunction(`/tmp/${address}.sock`)

/** What goes wrong, by its errno or its code. */
function refusalOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return error instanceof QuiesceError ? (error.errnoName ?? error.code) : String(error)
  }
}

async function becomeStranger(address: string): Promise<void> {
  console.log(refusalOf(() => open(address).config.read(0, 4)) ?? 'let in')
}

function write32(fn: VfioUserFunction, offset: bigint, value: number): void {
  fn.regions[0]?.write(offset, new Uint8Array(Uint32Array.of(value).buffer))
}

async function beTheVmm(addresses: readonly [string, string]): Promise<SeenByGroup> {
  const [first, second] = [open(addresses[0]), open(addresses[1])]
  const memory = new SharedMemory(2n * page)
  const map = (fn: VfioUserFunction) => fn.dma.mapBacking(iova, 2n * page, { fd: memory.fd, offset: 0n }, 'read-write')
  const mapped = map(first)
  map(second)
  for (const fn of [first, second]) new EduDriver(fn).enable()

  const reaches = async (fn: VfioUserFunction): Promise<boolean> => {
    const edu = new EduDriver(fn)
    memory.bytes.fill(0).fill(0xa5, 0, 256)
    edu.load(iova, 256)
    await wait(2 * transferMs)
    edu.store(iova + page, 256)
    await wait(2 * transferMs)
    return memory.bytes.subarray(Number(page), Number(page) + 256).every((byte) => byte === 0xa5)
  }

  const other = new SharedMemory(page)
  const reachedFirst = await reaches(first)
  const reachedSecond = await reaches(second)
  mapped[Symbol.dispose]()
  const reachedThen = await reaches(second)
  const conflict = refusalOf(() => first.dma.mapBacking(iova, page, { fd: other.fd, offset: 0n }, 'read-write'))
  map(first)

  let came = 0
  first.interrupts.enable('msi', [{ signal: () => came++ }])
  const raised = 3
  for (let round = 0; round < raised; round++) {
    write32(first, raise, 1)
    await wait(100)
    write32(first, acknowledge, 1)
  }
  const counted = readInterruptCounts()
    .filter(({ devices }) => devices.includes(addresses[0]))
    .reduce((sum, { count }) => sum + count, 0)

  // As QEMU does: off the bus, and then reset, one device after the other.
  const resets: boolean[] = []
  for (const fn of [first, second]) {
    fn.config.write(headerOffset.command, 2, 0)
    resets.push((await fn.reset()).ok)
  }
  new EduDriver(first).enable()
  const reachedAfterReset = await reaches(first)

  second[Symbol.dispose]()
  await wait(500)
  const self = fileURLToPath(import.meta.url)
  const stranger = spawnSync(process.execPath, [self, 'stranger', addresses[1]], { encoding: 'utf8' }).stdout.trim()
  return {
    reached: {
      first: reachedFirst,
      second: reachedSecond,
      secondOnceFirstLetGo: reachedThen,
      firstAfterReset: reachedAfterReset,
    },
    conflict,
    interrupts: { raised, came, counted },
    resets,
    stranger,
  }
}

const [one = '', two = ''] = process.argv.slice(2)
if (one === 'stranger') await becomeStranger(two)
else console.log(JSON.stringify(await beTheVmm([one, two])))
process.exit()
