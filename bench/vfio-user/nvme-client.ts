// A driver of the example's NVMe disk over vfio-user, and beside it the same reads and writes of the same file without any disk.
// Prints JSON. Inherits the socket as descriptor 3. Arguments: the file, rounds.
import { writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ioOpcode } from '../../examples/nvme/entries.js'
import { limits } from '../../examples/nvme/limits.js'
import { adoptSocket } from '../../src/linux/unix-socket.js'
import { ClientConnection, clientSendSize } from '../../src/vfio-user/client/connection.js'
import { VfioUserFunction } from '../../src/vfio-user/client/vfio-user-function.js'
import { NvmeDriver, place } from '../../test/unit/examples/nvme-driver.js'
import { type NvmeLoad, type NvmeSamples, nvmeLoads } from './nvme-samples.js'

const inherited = 3
const [path = '', rounds = '1'] = process.argv.slice(2)
const queue = 1
const warmUp = 3
const entries = 64
const page = 0x1000
const memorySize = 0x80_0000n
/** Above the driver's queues and lists. */
const buffers = 0x10_0000
const msixEnable = 0x8000

const fn = new VfioUserFunction(new ClientConnection(adoptSocket(inherited, clientSendSize), 'vfio-user:bench'))
const [bar] = fn.regions
if (bar === undefined) throw new Error('the disk has no BAR')
using memory = fn.dma.allocate(memorySize)
fn.dma.map(0n, memory, 'read-write')

const word = new Uint8Array(4)
const view = new DataView(word.buffer)
const driver = new NvmeDriver(
  {
    readBar: (_bar, offset) => {
      bar.read(BigInt(offset), word)
      return BigInt(view.getUint32(0, true))
    },
    writeBar: (_bar, offset, _width, value) => {
      view.setUint32(0, Number(value), true)
      bar.write(BigInt(offset), word)
    },
  },
  memory.bytes,
)

let signalled = () => {}
fn.config.write(0x04, 2, 0x0406)
// MSI-X is its first capability.
const msix = fn.config.read(0x34, 1)
const destinations = [undefined, { signal: () => signalled() }]
fn.interrupts.enable('msix', destinations)
fn.config.write(msix + 2, 2, msixEnable)
for (let dword = 0; dword < 8; dword++) driver.set(0x2000 + 4 * dword, dword % 4 === 0 ? 0xfee0_0000 : 0)
await driver.start()
await driver.createPair(queue, entries)

/** Where command `index` of a burst has its data, and the PRPs that say so. */
function prps(index: number, bytes: number): { prp1: bigint; prp2: bigint } {
  const at = buffers + index * bytes
  if (bytes === page) return { prp1: BigInt(at), prp2: 0n }
  const list = place.list + index * page
  const entriesOfList = new DataView(memory.bytes.buffer, memory.bytes.byteOffset + list, page)
  for (let each = 1; each < bytes / page; each++)
    entriesOfList.setBigUint64(8 * (each - 1), BigInt(at + each * page), true)
  return { prp1: BigInt(at), prp2: BigInt(list) }
}

/** As many commands as the load has at once; ends when all are answered. */
async function burst({ bytes, depth, write }: NvmeLoad): Promise<void> {
  const blocks = bytes / limits.blockSize
  const opcode = write ? ioOpcode.write : ioOpcode.read
  let left = depth
  const answered = new Promise<void>((resolve) => {
    signalled = () => {
      const taken = driver.take(queue)
      if (taken === 0) return
      driver.acknowledge(queue)
      left -= taken
      if (left === 0) resolve()
    }
  })
  for (let index = 0; index < depth; index++) {
    const where = { ...prps(index, bytes), dword10: index * blocks, dword12: blocks - 1 }
    driver.submit(queue, { opcode, namespaceId: 1, ...where }, false)
  }
  driver.ring(queue)
  await answered
}

const buffer = new Uint8Array(Number(memorySize))
async function bare(file: FileHandle, { bytes, depth, write }: NvmeLoad): Promise<void> {
  const each = Array.from({ length: depth }, (_, index) => {
    const at = index * bytes
    return write ? file.write(buffer, at, bytes, at) : file.read(buffer, at, bytes, at)
  })
  await Promise.all(each)
}

const samples: NvmeSamples = { disk: {}, file: {} }
const file = await open(path, 'r+')
for (const [name, load] of Object.entries(nvmeLoads)) {
  const disk: number[] = []
  const alone: number[] = []
  for (let round = -warmUp; round < Number(rounds); round++) {
    for (const [way, into] of [
      [burst, disk],
      [(each: NvmeLoad) => bare(file, each), alone],
    ] as const) {
      for (let done = 0; done < load.bursts; done++) {
        const began = performance.now()
        await way(load)
        if (round >= 0) into.push((performance.now() - began) * 1000)
      }
    }
  }
  samples.disk[name] = disk
  samples.file[name] = alone
}
await file.close()
writeFileSync(1, JSON.stringify(samples))
fn[Symbol.dispose]()
