// What of an assigned device can be measured on any machine: simulated functions.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AssignedDevice } from '../../src/device/assigned-device.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { createSimulatedFunction } from '../../src/sim/create-simulated-function.js'
import type { SimulatedFunction } from '../../src/sim/simulated-function.js'
import { type ConfigReads, measureConfigReads } from './config-reads.js'
import { leastVmm } from './least-vmm.js'
import type { ManyDevices } from './many-device-samples.js'
import { measureOpenClose, type OpenCloseSamples } from './open-close.js'

const model = 'nvme'
const count = 100

export interface SimulatedDevices {
  readonly model: string
  readonly reads: ConfigReads
  readonly openClose: OpenCloseSamples
  readonly many: ManyDevices
}

export async function measureSimulatedDevices(rounds: number): Promise<SimulatedDevices> {
  const reads = await measureReads(rounds)
  const openClose = await measureOpenClose<SimulatedFunction>(
    { open: () => createSimulatedFunction(model), close: (fn) => fn[Symbol.dispose](), vmm: leastVmm() },
    rounds * 20,
  )
  return { model, reads, openClose, many: measureMany(rounds) }
}

/** The bare reads are of memory in a file: as cheap as a read by the kernel gets. */
async function measureReads(rounds: number): Promise<ConfigReads> {
  using file = new SharedMemory(4096n)
  const fn = createSimulatedFunction(model)
  const device = AssignedDevice.open(fn, leastVmm())
  try {
    return measureConfigReads(fn, device, { fd: file.fd, start: 0 }, { rounds, batch: 5000 })
  } finally {
    await device.close()
  }
}

function measureMany(rounds: number): ManyDevices {
  const program = fileURLToPath(new URL('./many-devices.js', import.meta.url))
  const args = ['--expose-gc', program, String(count), String(rounds)]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`100 devices cannot be measured: ${stderr}`)
  return JSON.parse(stdout) as ManyDevices
}
