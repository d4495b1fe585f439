// In the guest: resets of an edu with its machine, in the middle of a DMA, and the quarantine after one that failed.
import { setTimeout as wait } from 'node:timers/promises'
import { headerOffset } from '../../../../src/pci/header.js'
import type { ResetReport } from '../../../../src/reset/report.js'
import { setResetMethods } from '../binding.js'
import { EduDriver, transferMs } from '../edu-driver.js'
import { Assignment } from './assign.js'
import type { GuestFunction } from './guest-function.js'
import { programMsi } from './guest-msi.js'
import { nextMark } from './scenarios.js'

const rounds = 8
const length = 256
const stale = 0xee
const canary = 0x11

export interface InFlightResult {
  readonly intactAtReset: boolean
  readonly landed: boolean
  readonly verdict: string
  readonly reusable: boolean
  /** What the guest finds afterwards: Command, and whether its BAR is there. */
  readonly command: number
  readonly isThere: boolean
  /** Marks in the trace: the transfer starts, the reset has returned, the transfer would have ended. */
  readonly marks: readonly [number, number, number]
}

/** The machine is reset in the middle of a transfer; undefined if that was over too soon on this slow processor. */
async function resetInFlight(assignment: Assignment, bare: boolean): Promise<InFlightResult | undefined> {
  const { device, fn, guest, vmm } = assignment
  guest.enumerate()
  const driver = new EduDriver(guest)
  const { address, bytes } = vmm.memory.page(5)
  bytes.fill(stale)
  driver.load(address, length)
  while (driver.isTransferring) await wait(5)
  // From here on the memory is somebody else's.
  bytes.fill(canary)
  const started = nextMark()
  driver.store(address, length)
  let inFlight = false
  let verdict = 'bare'
  let reusable = true
  if (bare) {
    await fn.reset()
  } else {
    // Its BAR is taken out of the guest between Bus Master and Memory Space being cleared: it still decodes.
    vmm.onWithdraw = () => {
      inFlight = driver.isTransferring
    }
    const report = await device.reset()
    vmm.onWithdraw = () => {}
    verdict = report.verdict
    reusable = report.reusable
  }
  const intactAtReset = bytes.every((byte) => byte === canary)
  vmm.memory.announceAgain()
  // What came to its end while the kernel had the device off the bus, or the memory unmapped, was lost.
  if (bare) inFlight = driver.isTransferring
  const returned = nextMark()
  const { command } = guest
  const isThere = guest.isThere(0)
  // The engine has no reset handler: were Bus Master to come back within the transfer's time, the data would land.
  await wait(3 * transferMs)
  const waited = nextMark()
  const landed = !bytes.every((byte) => byte === canary)
  if (!inFlight) return undefined
  return { intactAtReset, landed, verdict, reusable, command, isThere, marks: [started, returned, waited] }
}

export async function resetsInFlight(address: string, bare: boolean) {
  await using assignment = await Assignment.open(address)
  // What runs for the first time is slow on a software processor.
  await resetInFlight(assignment, bare)
  const results: InFlightResult[] = []
  for (let tries = 0; results.length < rounds && tries < 3 * rounds; tries++) {
    const result = await resetInFlight(assignment, bare)
    if (result !== undefined) results.push(result)
  }
  // The next guest finds a device that works.
  assignment.guest.enumerate()
  return { rounds: results, id: assignment.guest.read32(0, 0n) }
}

/** All that a guest could try to wake a device with. */
function writeEverything(guest: GuestFunction): void {
  for (const width of [1, 2, 4] as const) {
    for (let offset = 0; offset < 256; offset++) guest.config.write(offset, width, 2 ** (8 * width) - 1)
  }
  guest.config.write(headerOffset.command, 2, 0x7)
  guest.config.write(headerOffset.command, 1, 0x6)
  guest.config.write(headerOffset.command, 4, 0x6)
  programMsi(guest, 0x41)
}

export async function quarantine(address: string, methods: string | undefined) {
  await using assignment = await Assignment.open(address, {
    resetPolicy: { requireReset: true, ...(methods === undefined ? {} : { methods: ['vfio'] }) },
  })
  const { device, fn, guest, vmm, events } = assignment
  guest.enumerate()
  const driver = new EduDriver(guest)
  const { address: at, bytes } = vmm.memory.page(7)
  bytes.fill(canary)
  driver.store(at, length)
  if (methods !== undefined) setResetMethods(address, methods)
  const report = await device.reset()
  const marks = [nextMark()]
  const ids = guest.ids
  writeEverything(guest)
  const places = vmm.places
  await wait(3 * transferMs)
  marks.push(nextMark())
  const quiet = {
    verdict: report.verdict,
    attempts: report.attempts.map(({ method, result }) => [method, result]),
    usable: device.isUsable,
    ids,
    places,
    guestCommand: guest.command,
    hardwareCommand: fn.config.read(headerOffset.command, 2),
    landed: !bytes.every((byte) => byte === canary),
    events: events.map(({ kind }) => kind),
    marks,
  }
  if (methods === undefined) return { quiet }
  setResetMethods(address, 'default')
  const second: ResetReport = await device.reset()
  guest.enumerate()
  return { quiet, after: { verdict: second.verdict, usable: device.isUsable, id: guest.read32(0, 0n) } }
}
