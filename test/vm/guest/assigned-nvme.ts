// In the guest: a real NVMe controller that is assigned to a guest of ours, whose driver talks to it by queues in guest memory
// and MSI-X. Argument: the backend.
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { AccessWidth } from '../../../src/function/config-space.js'
import { DeviceControl, pcieOffset } from '../../../src/pci/capabilities/pcie.js'
import { pmOffset } from '../../../src/pci/capabilities/pm.js'
import { addressOf } from './addresses.js'
import { Assignment } from './assigned/assign.js'
import { commandBit } from './assigned/guest-function.js'
import { GuestMsix, messageTo } from './assigned/guest-msix.js'
import { NvmeDriver } from './assigned/nvme-driver.js'
import { nextMark, runScenarios } from './assigned/scenarios.js'
import { until } from './assigned/until.js'
import { bindToVfio } from './binding.js'

const nvme = addressOf('nvme')
bindToVfio(nvme)

const adminInterrupt = 0x61

/** The whole way of a guest: firmware, driver, MSI-X, the controller ready. */
async function bringUp(assignment: Assignment) {
  const { guest, vmm } = assignment
  const bars = guest.enumerate()
  const msix = new GuestMsix(guest)
  msix.program(0, messageTo(adminInterrupt))
  msix.enable()
  const driver = new NvmeDriver(guest, vmm.memory, 8)
  return { bars, msix, driver, isReady: await driver.start() }
}

/** Identify, told of by an interrupt. */
async function identify({ vmm }: Assignment, driver: NvmeDriver) {
  vmm.messages.length = 0
  driver.submitIdentify()
  const heard = await until(() => vmm.messages.length > 0)
  return { heard, messages: vmm.messages.splice(0), completed: driver.hasCompletion, ...driver.complete() }
}

async function identifyByInterrupt(byEventfd: boolean) {
  await using assignment = await Assignment.open(nvme, { byEventfd })
  const { guest, vmm } = assignment
  const marks = [nextMark()]
  const { ids, capabilities } = guest
  const { bars, msix, driver, isReady } = await bringUp(assignment)
  const { places } = vmm
  const found = { version: driver.version, vectors: msix.vectors, isReady }
  const first = await identify(assignment, driver)
  let same = 0
  for (let i = 0; i < 20; i++) if (isDeepStrictEqual(await identify(assignment, driver), first)) same++
  marks.push(nextMark())
  // What the guest writes of Message Control stays with us: masking a function is no write of the hardware's.
  msix.enable({ functionMask: true })
  msix.enable()
  marks.push(nextMark())
  return {
    backend: assignment.fn.backend,
    ids,
    capabilities,
    bars,
    places,
    found,
    first,
    same,
    marks,
    events: assignment.events,
  }
}

/** A masked vector is remembered as pending and sent when it is unmasked. */
async function masks() {
  await using assignment = await Assignment.open(nvme)
  const { vmm } = assignment
  const { msix, driver } = await bringUp(assignment)
  const warm = await identify(assignment, driver)
  const masked = async (mask: () => void, unmask: () => void) => {
    mask()
    driver.submitIdentify()
    await until(() => driver.hasCompletion)
    await until(() => msix.isPending(0))
    const whileMasked = { messages: vmm.messages.length, pending: msix.isPending(0), completed: driver.hasCompletion }
    unmask()
    const heard = await until(() => vmm.messages.length > 0)
    return { whileMasked, heard, messages: vmm.messages.splice(0), pending: msix.isPending(0), ...driver.complete() }
  }
  const vector = await masked(
    () => msix.mask(0, true),
    () => msix.mask(0, false),
  )
  const all = await masked(
    () => msix.enable({ functionMask: true }),
    () => msix.enable(),
  )
  // Reprogrammed while it is masked: what was pending goes where the vector goes now.
  const reprogrammed = await masked(
    () => msix.mask(0, true),
    () => msix.program(0, messageTo(0x77)),
  )
  return { warm: warm.heard, vector, all, reprogrammed, events: assignment.events }
}

/** A vector that has not been unmasked yet has nowhere to go: the device itself remembers. */
async function unmaskedLate() {
  await using assignment = await Assignment.open(nvme)
  const { guest, vmm } = assignment
  guest.enumerate()
  const msix = new GuestMsix(guest)
  // As Linux does it: enabled with everything masked.
  msix.enable({ functionMask: true })
  msix.enable()
  const driver = new NvmeDriver(guest, vmm.memory, 8)
  await driver.start()
  driver.submitIdentify()
  await until(() => driver.hasCompletion)
  await wait(20)
  const before = vmm.messages.length
  msix.program(0, messageTo(adminInterrupt))
  const heard = await until(() => vmm.messages.length > 0)
  const late = { before, heard, ...driver.complete() }
  vmm.messages.length = 0
  return { late, next: await identify(assignment, driver), events: assignment.events }
}

/** D3hot keeps the controller's state (NoSoftRst = 1). */
async function power() {
  await using assignment = await Assignment.open(nvme)
  const { fn, guest, vmm } = assignment
  const { driver } = await bringUp(assignment)
  const first = await identify(assignment, driver)
  const pmcsr = guest.find('pm') + pmOffset.controlStatus
  const rounds = []
  for (const width of [2, 1, 4] as const) {
    guest.config.write(pmcsr, width, 3)
    const asleep = {
      state: guest.config.read(pmcsr, 2) & 3,
      hardware: fn.config.read(pmcsr, 2) & 3,
      places: vmm.places,
      there: guest.isThere(0),
      ids: guest.ids,
    }
    guest.config.write(pmcsr, width, 0)
    const awake = { state: guest.config.read(pmcsr, 2) & 3, there: guest.isThere(0), isReady: driver.isReady }
    rounds.push({ asleep, awake, identify: await identify(assignment, driver) })
  }
  return { first: first.heard, rounds, events: assignment.events }
}

/** Initiate FLR, by accesses of every width and lane that reach it. */
async function functionLevelReset() {
  await using assignment = await Assignment.open(nvme, { resetPolicy: { requireReset: true } })
  const { device, guest, events } = assignment
  const control = guest.find('pcie') + pcieOffset.deviceControl
  const flr = DeviceControl.mask('initiateFlr')
  const accesses: readonly (readonly [offset: number, width: AccessWidth, value: number])[] = [
    [control, 2, flr],
    [control + 1, 1, flr >>> 8],
    [control, 4, flr],
    [control - 2, 4, flr * 0x1_0000],
    [control + 1, 2, flr >>> 8],
  ]
  const rounds = []
  for (const [offset, width, value] of accesses) {
    const { driver, isReady } = await bringUp(assignment)
    const before = await identify(assignment, driver)
    const marks = [nextMark()]
    guest.config.write(offset, width, value >>> 0)
    const during = { ids: guest.ids, command: guest.command, there: guest.isThere(0) }
    await device.settled()
    marks.push(nextMark())
    const after = {
      ids: guest.ids,
      command: guest.command,
      bar: guest.config.read(0x10, 4),
      msix: guest.config.read(guest.find('msix') + 2, 2),
      there: guest.isThere(0),
      usable: device.isUsable,
    }
    guest.command = commandBit.memorySpace
    rounds.push({ offset: offset - control, width, isReady, before: before.heard, during, after, marks })
  }
  const { driver } = await bringUp(assignment)
  const resets = events.flatMap((event) =>
    event.kind === 'reset' ? [{ cause: event.cause, verdict: event.report.verdict }] : [],
  )
  return {
    rounds,
    resets,
    again: await identify(assignment, driver),
    others: events.filter(({ kind }) => kind !== 'reset'),
  }
}

await runScenarios({
  'identify by eventfd': () => identifyByInterrupt(true),
  'identify by callback': () => identifyByInterrupt(false),
  masks,
  'unmasked late': unmaskedLate,
  power,
  'function level reset': functionLevelReset,
})
