// Drivers that do anything at all, to config space, to BARs, and through what they have written to memory: a device neither
// throws nor hangs, writes nowhere but where it may, and is as good as new after a reset.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { BlockStore } from '../../../examples/nvme/block-store.js'
import { nvmeDisk } from '../../../examples/nvme/disk.js'
import { virtioDisk } from '../../../examples/virtio/disk.js'
import { entropyDevice } from '../../../examples/virtio/entropy.js'
import { readBarBytes, readConfigBytes, writeBarBytes, writeConfigBytes } from '../../../src/kit/bus-bytes.js'
import type { PciDevice } from '../../../src/kit/pci-device.js'
import { nvmeRegister } from '../../../src/sim/models/nvme-controller.js'
import { enabled, NvmeDriver } from '../examples/nvme-driver.js'
import { enable, FakeClient, until } from './fake-client.js'
import { feature, layout, VirtioDriver } from './virtio-driver.js'

const memorySize = 0x10000
const folder = mkdtempSync(join(tmpdir(), 'quiesce-hostile-'))
const path = join(folder, 'disk')
writeFileSync(path, '')
truncateSync(path, 1 << 20)
const store = await BlockStore.open(path)
after(async () => {
  await store[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function virtioBegins(device: PciDevice, memory: Uint8Array): VirtioDriver {
  const driver = new VirtioDriver(device, memory)
  driver.start(feature.version1 | feature.indirect | feature.eventIndex)
  memory.fill(0, layout.buffers, layout.buffers + 16)
  const head = { address: BigInt(layout.buffers), length: 16 }
  driver.offer(driver.chain([head, { address: BigInt(layout.buffers + 0x100), length: 1 + 512, isWritable: true }]))
  driver.notify()
  return driver
}

async function virtioWorks(device: PciDevice, memory: Uint8Array): Promise<void> {
  const driver = virtioBegins(device, memory)
  await until('it is answered', () => driver.used().length === 1)
}

interface Subject {
  make(): PciDevice
  /** As a driver begins, without waiting for anything. */
  begin(device: PciDevice, memory: Uint8Array): void
  works(device: PciDevice, memory: Uint8Array): Promise<void>
}

const devices: Record<string, Subject> = {
  'the entropy device': {
    make: () => entropyDevice((bytes) => new Uint8Array(bytes).fill(1)),
    begin: virtioBegins,
    works: virtioWorks,
  },
  'the virtio disk': { make: () => virtioDisk(store), begin: virtioBegins, works: virtioWorks },
  'the NVMe disk': {
    make: () => nvmeDisk(store, 'HOSTILE0'),
    begin(device, memory) {
      const driver = new NvmeDriver(device, memory)
      driver.set(nvmeRegister.adminQueueAttributes, 0x000f_000f)
      driver.set(nvmeRegister.adminSubmissionQueue, 0x1000)
      driver.set(nvmeRegister.adminCompletionQueue, 0x2000)
      driver.set(nvmeRegister.configuration, enabled)
    },
    async works(device, memory) {
      const driver = new NvmeDriver(device, memory)
      await driver.start()
      assert.equal((await driver.command(0, { opcode: 6, prp1: 0x8000n, dword10: 1 })).status, 0)
    },
  },
}

/** Where registers are, and what makes them do something: most of the rest of a BAR is nothing. */
const offsets = fc.oneof(
  fc.nat(0x3fff),
  fc.constantFrom(0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 32, 36, 40, 44, 48, 52),
  fc.constantFrom(0x14, 0x24, 0x28, 0x30, 0x1000, 0x1004, 0x1008, 0x2000, 0x200c, 0x3000, 0x3004),
)
const configOffsets = fc.oneof(fc.nat(0xfff), fc.nat(0xff))
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 12 }),
  fc
    .constantFrom(0, 1, 2, 4, 7, 8, 15, 0xff, 0x0046_0001, 0x2000, 0x1000, 0x7fff_ffff)
    .map((value) => new Uint8Array(new Uint32Array([value]).buffer)),
)
const actions = fc.oneof(
  fc.record({ kind: fc.constant('bar'), bar: fc.constantFrom(0, 0, 0, 1), offset: offsets, bytes }),
  fc.record({ kind: fc.constant('config'), bar: fc.constant(0), offset: configOffsets, bytes }),
  fc.record({ kind: fc.constant('memory'), bar: fc.constant(0), offset: fc.nat(memorySize - 16), bytes }),
  fc.record({ kind: fc.constant('read'), bar: fc.constantFrom(0, 1), offset: offsets, bytes }),
  fc.record({ kind: fc.constant('enable'), bar: fc.constant(0), offset: fc.constant(0), bytes }),
  fc.record({ kind: fc.constant('start'), bar: fc.constant(0), offset: fc.constant(0), bytes }),
  fc.record({ kind: fc.constant('turn'), bar: fc.constant(0), offset: fc.constant(0), bytes }),
)

describe('a hostile driver', () => {
  for (const [name, { make, begin, works }] of Object.entries(devices)) {
    for (const isShared of [true, false]) {
      it(`does ${name} no harm, ${isShared ? 'in shared memory' : 'by messages'}`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(actions, { minLength: 5, maxLength: 60 }), async (all) => {
            const device = make()
            const client = new FakeClient()
            device.connect(client)
            const guard = client.memory.map(BigInt(memorySize), 0x1000, 'read')
            const memory = client.memory.map(0n, memorySize, 'read-write', isShared)
            for (const { kind, bar, offset, bytes: data } of all) {
              const size = device.barSizes[bar] ?? 0
              const fits = offset + data.length <= size
              if (kind === 'bar' && fits) writeBarBytes(device, bar, offset, data)
              else if (kind === 'read' && fits) readBarBytes(device, bar, offset, data.slice())
              else if (kind === 'memory') memory.set(data, offset)
              else if (kind === 'enable') enable(device)
              else if (kind === 'turn') await new Promise((resolve) => setImmediate(resolve))
              else if (kind === 'config' && offset + data.length <= device.configSize) {
                readConfigBytes(device, offset, new Uint8Array(data.length))
                writeConfigBytes(device, offset, data)
              } else if (kind === 'start') {
                enable(device)
                begin(device, memory)
              }
            }
            await device.reset()
            memory.fill(0)
            enable(device)
            await works(device, memory)
            await device.disconnect()
            assert.ok(guard.every((byte) => byte === 0))
          }),
          { numRuns: 50 },
        )
      })
    }
  }
})

describe('an NVMe host that takes no answers', () => {
  it('gets no more of them than there is room for, and the rest once it does', async () => {
    const device = nvmeDisk(store, 'HOSTILE1')
    const client = new FakeClient()
    device.connect(client)
    enable(device)
    const memory = client.memory.map(0n, 0x10_0000)
    const driver = new NvmeDriver(device, memory)
    await driver.start(4)
    let sent = 0
    // The queue is rung again and again, over places whose commands were fetched and never answered.
    for (let round = 0; round < 500; round++) {
      driver.submit(0, { opcode: 0x80 })
      sent++
      await new Promise((resolve) => setImmediate(resolve))
    }
    let taken = 0
    for (let quiet = 0; quiet < 20; quiet++) {
      const now = driver.take(0)
      if (now > 0) {
        taken += now
        driver.acknowledge(0)
        quiet = 0
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(taken < 150, `${taken} of ${sent} commands were kept for it`)
    assert.ok(taken > 60, `${taken} were answered in the end`)
    await device.disconnect()
  })
})
