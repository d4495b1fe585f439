// In the guest: a launcher that may open everything, and a process without any right that is given what it opened.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readVfioDeviceNode } from '../../../src/host/vfio-device-node.js'
import type { AdoptedFiles } from '../../../src/vfio/device-opener.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { iommuGroupOf } from './binding.js'
import { failureOf, transfer } from './vfio-steps.js'

const nobody = 65534

/** Runs this file as nobody, with the files that were opened as its descriptors from 3 on; this process keeps none. */
async function runUnprivileged(address: string, way: 'cdev' | 'group', paths: readonly string[]): Promise<unknown> {
  const files = paths.map((path) => openSync(path, 'r+'))
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), address, way], {
    uid: nobody,
    gid: nobody,
    stdio: ['ignore', 'pipe', 'inherit', ...files],
  })
  for (const file of files) closeSync(file)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  return { status, ...JSON.parse(text || '{}') }
}

export function adoptByCharacterDevice(address: string): Promise<unknown> {
  const node = readVfioDeviceNode('/sys', '/dev', address) ?? 'none'
  return runUnprivileged(address, 'cdev', [node, '/dev/iommu', node])
}

export function adoptByGroup(address: string): Promise<unknown> {
  return runUnprivileged(address, 'group', [`/dev/vfio/${iommuGroupOf(address)}`, '/dev/vfio/vfio'])
}

async function useAdopted(address: string, way: 'cdev' | 'group'): Promise<unknown> {
  using ownership = new VfioOwnership()
  const refused = await failureOf(ownership.open(address))
  const files: AdoptedFiles = way === 'cdev' ? { deviceFd: 3, iommufdFd: 4 } : { groupFd: 3, containerFd: 4 }
  const first = await ownership.adopt({ address, ...files })
  const { backend } = first
  const { landed } = await transfer(first)
  await first[Symbol.asyncDispose]()
  // What was only duplicated serves again.
  using second = await ownership.adopt({ address, ...files, ...(way === 'cdev' ? { deviceFd: 5 } : {}) })
  return { refused, backend, landed, again: second.config.read(0, 4) }
}

const [, script, address, way] = process.argv
if (script === fileURLToPath(import.meta.url) && address !== undefined) {
  process.stdout.write(JSON.stringify(await useAdopted(address, way === 'cdev' ? 'cdev' : 'group')))
}
