import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlockStore } from '../../../examples/nvme/block-store.js'
import { nvmeDisk } from '../../../examples/nvme/disk.js'
import { enable, FakeClient } from '../kit/fake-client.js'
import { NvmeDriver } from './nvme-driver.js'

export const diskSize = 8 << 20
export const memorySize = 0x20_0000

/** A disk with a file behind it, and a driver in front; everything goes when the test is over. */
export async function nvmeFixture(t: { after(run: () => Promise<void>): void }, isShared = true) {
  const folder = await mkdtemp(join(tmpdir(), 'quiesce-nvme-'))
  const path = join(folder, 'disk')
  await writeFile(path, '')
  await truncate(path, diskSize)
  const store = await BlockStore.open(path)
  const device = nvmeDisk(store, 'TEST0001')
  const client = new FakeClient()
  device.connect(client)
  enable(device)
  device.writeConfig(0x42, 2, 0x8000) // MSI-X, the first capability
  const memory = client.memory.map(0n, memorySize, 'read-write', isShared)
  t.after(async () => {
    await device.disconnect()
    await store[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })
  return { device, store, path, client, memory, driver: new NvmeDriver(device, memory) }
}
