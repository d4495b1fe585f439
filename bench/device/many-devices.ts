// A hundred simulated devices in one process, each assigned, and as many one after the other: a program of its own, so that the
// memory is theirs alone. To be run with --expose-gc. Prints JSON. Arguments: devices, rounds.
import { writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { AssignedDevice } from '../../src/device/assigned-device.js'
import { Command } from '../../src/pci/command.js'
import { headerOffset } from '../../src/pci/header.js'
import { createSimulatedFunction } from '../../src/sim/create-simulated-function.js'
import { leastVmm } from './least-vmm.js'
import type { ManyDeviceStep, ManyDevices, StepTimes } from './many-device-samples.js'
import { manyDeviceSteps } from './many-device-samples.js'

const models = ['nvme', 'edu-port', 'flr', 'pm-kernel', 'edu'] as const
const configReads = 64

const none = (): StepTimes => ({ open: [], 'config reads': [], reset: [], close: [] })
const on = Command.encode({ memorySpace: true, busMaster: true })

async function run(count: number, times: StepTimes | undefined, whileOpen?: () => Promise<void>): Promise<void> {
  const devices: AssignedDevice[] = []
  const step = async (name: ManyDeviceStep, work: () => unknown) => {
    const began = performance.now()
    await work()
    times?.[name].push((performance.now() - began) / count)
  }
  await step('open', () => {
    for (let index = 0; index < count; index++) {
      const fn = createSimulatedFunction(models[index % models.length] ?? 'nvme')
      devices.push(AssignedDevice.open(fn, leastVmm()))
    }
  })
  await whileOpen?.()
  await step('config reads', () => {
    for (let dword = 0; dword < configReads; dword++) for (const device of devices) device.readConfig(dword * 4, 4)
  })
  for (const device of devices) device.writeConfig(headerOffset.command, 2, on)
  await step('reset', () => Promise.all(devices.map((device) => device.reset())))
  await step('close', () => Promise.all(devices.map((device) => device.close())))
}

const kib = (bytes: number) => bytes / 1024
const [devices = 100, rounds = 15] = process.argv.slice(2).map(Number)
/** After what is collected late, such as memory that a finalizer lets go of, is gone too. */
const used = async () => {
  for (let each = 0; each < 5; each++) {
    globalThis.gc?.()
    await setTimeout(10)
  }
  return process.memoryUsage()
}

const together = none()
const oneByOne = none()
for (let each = 0; each < 3; each++) await run(devices, undefined)
const before = await used()
let open = before
await run(devices, undefined, async () => {
  open = await used()
})
const after = await used()
for (let round = 0; round < rounds; round++) {
  await run(devices, together)
  const single = none()
  // One of each model and no more than one at a time; their mean, since models differ.
  for (let each = 0; each < devices; each++) await run(1, single)
  for (const name of manyDeviceSteps) oneByOne[name].push(single[name].reduce((sum, ms) => sum + ms, 0) / devices)
}
const result: ManyDevices = {
  devices,
  together,
  oneByOne,
  heapKib: kib(open.heapUsed + open.external - before.heapUsed - before.external) / devices,
  leftKib: kib(after.heapUsed + after.external - before.heapUsed - before.external),
}
writeFileSync(1, JSON.stringify(result))
