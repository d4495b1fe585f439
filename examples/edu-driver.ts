// A driver in user space for QEMU's edu device (docs/specs/edu.rst), on the kernel's VFIO: registers, an interrupt, DMA
// there and back, and a reset that takes the device back clean.
//
//   node build/examples/edu-driver.js 0000:00:04.0
//
// Needs the device bound to vfio-pci. A program of its own imports all of this from `quiesce`.
import { type PhysicalFunction, QuiesceError, type Region, resetFunction, VfioOwnership } from '../src/index.js'
import { runOnDevice } from './command-line/run-on-device.js'

const ids = 0x11e8_1234
const config = { ids: 0x00, command: 0x04 } as const
const command = { off: 0, memorySpaceAndBusMaster: 0x6 } as const
const register = { identification: 0x00n, liveness: 0x04n, factorial: 0x08n, status: 0x20n } as const
const interrupt = { status: 0x24n, acknowledge: 0x64n } as const
const dma = { source: 0x80n, destination: 0x88n, count: 0x90n, command: 0x98n } as const
const run = { load: 0x1 | 0x4, store: 0x1 | 0x2 | 0x4 } as const
/** The status register: working; interrupt when done. */
const status = { computing: 0x01, interrupts: 0x80 } as const
/** The device's own memory as its DMA engine sees it, and where ours is to lie for it. */
const deviceBuffer = 0x4_0000
const iova = { source: 0x10_0000, target: 0x10_1000 } as const
const length = 256
const patienceMs = 10_000

function read(bar: Region, offset: bigint): number {
  const bytes = new Uint8Array(4)
  bar.read(offset, bytes)
  return new DataView(bytes.buffer).getUint32(0, true)
}

function write(bar: Region, offset: bigint, value: number): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  bar.write(offset, bytes)
}

/** The one interrupt of the device. */
class Interrupt {
  readonly #bar: Region
  #arrived: ((status: number) => void) | undefined

  constructor(bar: Region) {
    this.#bar = bar
  }

  /** Where the kernel's signal goes: the device is told that it was heard. */
  readonly signal = (): void => {
    const cause = read(this.#bar, interrupt.status)
    write(this.#bar, interrupt.acknowledge, cause)
    this.#arrived?.(cause)
  }

  /** What it was for, once it arrives after `start`. */
  async after(start: () => void): Promise<number> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('Cannot go on: the interrupt does not arrive')), patienceMs)
        this.#arrived = resolve
        start()
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

async function transfer(bar: Region, irq: Interrupt, from: number, to: number, how: number): Promise<void> {
  await irq.after(() => {
    write(bar, dma.source, from)
    write(bar, dma.destination, to)
    write(bar, dma.count, length)
    write(bar, dma.command, how)
  })
}

async function drive(fn: PhysicalFunction): Promise<void> {
  const found = fn.config.read(config.ids, 4)
  const [bar] = fn.regions
  if (found !== ids || bar === undefined) {
    const is = `${(found & 0xffff).toString(16).padStart(4, '0')}:${(found >>> 16).toString(16).padStart(4, '0')}`
    throw new QuiesceError('USAGE', `Cannot drive ${fn.address}: it is ${is}, not an edu (1234:11e8)`)
  }
  fn.config.write(config.command, 2, command.memorySpaceAndBusMaster)
  console.log(`${fn.address}: edu, identification 0x${read(bar, register.identification).toString(16)}`)
  write(bar, register.liveness, 0x1234_5678)
  console.log(`the complement of 0x12345678 is 0x${read(bar, register.liveness).toString(16)}`)

  const irq = new Interrupt(bar)
  fn.interrupts.enable('msi', [irq])
  write(bar, register.status, status.interrupts)
  const cause = await irq.after(() => write(bar, register.factorial, 10))
  console.log(`10! is ${read(bar, register.factorial)}, says interrupt 0x${cause.toString(16)}`)

  using source = fn.dma.allocate(4096n)
  using target = fn.dma.allocate(4096n)
  using _in = fn.dma.map(BigInt(iova.source), source, 'read')
  using _out = fn.dma.map(BigInt(iova.target), target, 'read-write')
  const text = new TextEncoder().encode('There and back by DMA')
  source.bytes.set(text)
  await transfer(bar, irq, iova.source, deviceBuffer, run.load)
  await transfer(bar, irq, deviceBuffer, iova.target, run.store)
  console.log(`memory: ${new TextDecoder().decode(target.bytes.subarray(0, text.length))}`)

  const { verdict } = await resetFunction(fn)
  console.log(`taken back: ${verdict}, Command is 0x${fn.config.read(config.command, 2).toString(16)}`)
}

async function main(address: string): Promise<void> {
  using ownership = new VfioOwnership()
  using fn = await ownership.open(address)
  await drive(fn)
}

await runOnDevice('edu-driver', main)
