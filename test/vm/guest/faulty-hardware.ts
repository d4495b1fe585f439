// In the guest: resets functions whose hardware is simulated outside of the VM, while they do DMA, on the kernel's VFIO.
// Arguments: the names of the models, in the order of the topology.
import { closeSync, openSync, readSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { headerOffset } from '../../../src/pci/header.js'
import type { ResetReport } from '../../../src/reset/report.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { startStream } from '../../../src/sim/models/stream-device.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf } from './addresses.js'
import { bindToVfio, resetMethods, sysfsFolder } from './binding.js'
import { Canary, EduDriver } from './edu-driver.js'
import { report } from './report.js'

export interface FaultyRound {
  readonly model: string
  readonly kernelMethods: readonly string[]
  /** Undefined where it could not even be opened. */
  readonly report?: ResetReport
  /** Whether the next user's memory stayed as it was after the verdict. */
  readonly intact?: boolean
  readonly error?: string
}

const canaryByte = 0x11
const iova = 0x10_0000n
/** Between two writes of the engine. */
const periodUs = 500

/** Has the simulator, outside of the VM, write down how the hardware is now: by a read that nobody else makes: a single byte. */
function look(address: string): void {
  const config = openSync(`${sysfsFolder(address)}/config`, 'r')
  try {
    readSync(config, new Uint8Array(1), 0, 1, headerOffset.cardbusCis)
  } finally {
    closeSync(config)
  }
}

async function round(model: string, address: string): Promise<FaultyRound> {
  bindToVfio(address)
  const kernelMethods = resetMethods(address)
  using ownership = new VfioOwnership()
  using fn = await openVfioFunction(address, ownership)
  using canary = new Canary(fn, iova)
  canary.fill(canaryByte)
  new EduDriver(fn).enable()
  startStream(fn, { iova, length: 256, periodUs })
  for (let waited = 0; canary.isIntact(canaryByte); waited += 5) {
    if (waited > 5_000) throw new Error('its DMA does not arrive')
    await wait(5)
  }
  const outcome = await resetFunction(fn)
  look(address)
  canary.fill(canaryByte)
  await wait(300)
  look(address)
  return { model, kernelMethods, report: outcome, intact: canary.isIntact(canaryByte) }
}

for (const [index, model] of process.argv.slice(2).entries()) {
  const address = addressOf(`served-${index}`)
  try {
    report(await round(model, address))
  } catch (error) {
    report({ model, kernelMethods: [], error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}
