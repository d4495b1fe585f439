// In the guest: resets each device in three ways by turns, and lists the machine's devices with both programs.
// Arguments: rounds of resets, rounds of listing; 0 for none.
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import { Command } from '../../src/pci/command.js'
import { headerOffset } from '../../src/pci/header.js'
import { openVfioFunction } from '../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../src/vfio/vfio-ownership.js'
import { addressOf } from '../../test/vm/guest/addresses.js'
import { bindToVfio, resetMethods, sysfsFolder } from '../../test/vm/guest/binding.js'
import { report } from '../../test/vm/guest/report.js'
import { resetDevices } from '../devices.js'
import { type Listing, measureListing } from '../listing.js'
import { countAccesses, measureProcedure } from '../measure-procedure.js'
import type { BareSample, DeviceSamples, ResetRound } from '../reset-samples.js'
import { WatchedFunction } from '../watched-function.js'

/** What this program reports, one by one. */
export type GuestResult = { readonly resets: DeviceSamples } | { readonly listing: Listing }

const warmUp = 3
const [resetRounds, listRounds] = process.argv.slice(2).map(Number)

/** As a guest leaves its device: on the bus and allowed to write to memory. Every way of resetting starts from there. */
function putOnTheBus(fn: PhysicalFunction): void {
  const command = fn.config.read(headerOffset.command, 2)
  fn.config.write(headerOffset.command, 2, Command.encode({ memorySpace: true, busMaster: true }, command))
}

async function bareIoctl(fn: PhysicalFunction): Promise<BareSample> {
  const began = performance.now()
  const outcome = await fn.reset()
  return outcome.ok ? { ms: performance.now() - began } : { refusal: outcome.errno }
}

/** The kernel does this to a device that VFIO has open, too. */
function viaSysfs(address: string): BareSample {
  const began = performance.now()
  try {
    // Without O_CREAT: a device that cannot be reset has no such file. Without reading: nobody may.
    const file = openSync(`${sysfsFolder(address)}/reset`, constants.O_WRONLY)
    try {
      writeSync(file, '1')
    } finally {
      closeSync(file)
    }
    return { ms: performance.now() - began }
  } catch (error) {
    return { refusal: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}

async function measureResets(name: (typeof resetDevices)[number], ownership: VfioOwnership): Promise<DeviceSamples> {
  const address = addressOf(name)
  await using fn = await openVfioFunction(address, ownership)
  const watched = new WatchedFunction(fn)
  const prepare = () => putOnTheBus(fn)
  const { first, later } = await countAccesses(fn, prepare)
  const ways = {
    procedure: () => measureProcedure(watched),
    ioctl: () => bareIoctl(fn),
    sysfs: async () => viaSysfs(address),
  }
  const once = async <K extends keyof typeof ways>(way: K) => {
    prepare()
    return (await ways[way]()) as Awaited<ReturnType<(typeof ways)[K]>>
  }
  const rounds: ResetRound[] = []
  for (let round = 0; round < warmUp + Number(resetRounds); round++) {
    // Each goes first in every other round, for the one before it may leave something behind.
    const even = round % 2 === 0
    const before = even ? undefined : { sysfs: await once('sysfs'), ioctl: await once('ioctl') }
    const procedure = await once('procedure')
    const bare = before ?? { ioctl: await once('ioctl'), sysfs: await once('sysfs') }
    if (round >= warmUp) rounds.push({ procedure, ...bare })
  }
  return { device: name, resetMethods: resetMethods(address), rounds, firstAccesses: first, laterAccesses: later }
}

const send = (result: GuestResult) => report(result)

if (Number(resetRounds) > 0) {
  bindToVfio(...resetDevices.map(addressOf))
  for (const name of resetDevices) {
    using ownership = new VfioOwnership()
    send({ resets: await measureResets(name, ownership) })
  }
}
if (Number(listRounds) > 0) send({ listing: measureListing(Number(listRounds)) })
