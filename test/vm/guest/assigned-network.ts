// In the guest: network cards that are assigned to guests of ours: e1000e, igb, and a virtual function of an igb whose physical
// function stays with the host. Argument: the backend.
import { closeSync, openSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { DeviceControl, pcieOffset } from '../../../src/pci/capabilities/pcie.js'
import { pmOffset } from '../../../src/pci/capabilities/pm.js'
import { addressOf } from './addresses.js'
import { Assignment, type AssignOptions } from './assigned/assign.js'
import { commandBit } from './assigned/guest-function.js'
import { GuestMsix, messageTo } from './assigned/guest-msix.js'
import { MappedFile } from './assigned/mapped-file.js'
import { type Card, e1000eCard, hostMode, igbPhysicalCard, igbVirtualCard } from './assigned/network-cards.js'
import { nextMark, runScenarios } from './assigned/scenarios.js'
import { until } from './assigned/until.js'
import { bindToVfio, createVirtualFunctions, sysfsFolder } from './binding.js'

const e1000e = addressOf('e1000e')
const igb = addressOf('igb')
/** FCTTV of an e1000e, which reads as it was written. */
const flowControlTimer = 0x170n
/** For a signal that is on its way, and for one that must not be. */
const settleMs = 20
bindToVfio(e1000e, igb)

/** Firmware and driver: BARs, MSI-X with a message for each vector, the card ready to signal. */
function bringUp(assignment: Assignment, card: Card, command?: number) {
  const { guest } = assignment
  const bars = guest.enumerate(command)
  const msix = new GuestMsix(guest)
  for (let vector = 0; vector < msix.vectors; vector++) msix.program(vector, messageTo(0x80 + vector))
  msix.enable()
  card.prepare(guest)
  return { bars, msix }
}

/** Raises vectors and says which messages came. A card may signal a vector twice, where it moderates its interrupts. */
async function raised(
  { guest, vmm }: Assignment,
  card: Card,
  vectors: readonly number[],
  expected = vectors,
): Promise<number[]> {
  card.silence(guest)
  await wait(settleMs)
  vmm.messages.length = 0
  card.raise(guest, vectors)
  const heard = () => new Set(vmm.messages.map(({ data }) => data - 0x80))
  await until(() => expected.every((vector) => heard().has(vector)))
  await wait(settleMs)
  return [...heard()].sort()
}

async function cardWithVectors(address: string, card: Card, which: readonly number[], options: AssignOptions = {}) {
  await using assignment = await Assignment.open(address, options)
  const { guest, vmm, events } = assignment
  const marks = [nextMark()]
  const { ids, capabilities } = guest
  const { bars, msix } = bringUp(assignment, card)
  const { places } = vmm
  const each = []
  for (const vector of which) each.push(await raised(assignment, card, [vector]))
  const together = await raised(assignment, card, which)
  // One is masked, and the others go on.
  const [first = 0, ...others] = which
  msix.mask(first, true)
  const masked = await raised(assignment, card, which, others)
  await until(() => msix.isPending(first))
  const pending = msix.isPending(first)
  vmm.messages.length = 0
  msix.mask(first, false)
  const late = vmm.messages.splice(0).map(({ data }) => data - 0x80)
  marks.push(nextMark())
  return {
    backend: assignment.fn.backend,
    ids,
    capabilities,
    bars,
    places,
    vectors: msix.vectors,
    each,
    together,
    others,
    masked,
    pending,
    late,
    marks,
    events,
  }
}

/** D3hot and back, where that resets the function (NoSoftRst = 0). */
async function power(address: string, card: Card) {
  await using assignment = await Assignment.open(address)
  const { guest, vmm, events } = assignment
  bringUp(assignment, card)
  const before = await raised(assignment, card, [1])
  const pmcsr = guest.find('pm') + pmOffset.controlStatus
  const noSoftReset = (guest.config.read(pmcsr, 2) & 8) !== 0
  const msixControl = guest.find('msix') + 2
  const marks = [nextMark()]
  guest.config.write(pmcsr, 2, 3)
  const asleep = { state: guest.config.read(pmcsr, 2) & 3, places: vmm.places, ids: guest.ids }
  guest.config.write(pmcsr, 2, 0)
  marks.push(nextMark())
  const awake = {
    state: guest.config.read(pmcsr, 2) & 3,
    places: vmm.places,
    command: guest.command,
    hardwareCommand: assignment.fn.config.read(4, 2),
    bar: guest.config.read(0x10, 4),
    msix: guest.config.read(msixControl, 2) & 0xc000,
  }
  bringUp(assignment, card)
  return { before, noSoftReset, asleep, awake, after: await raised(assignment, card, [1]), marks, events }
}

/** The card's I/O BAR: an address and a data register reach its memory. */
async function ports(address: string) {
  await using assignment = await Assignment.open(address)
  const { guest, vmm, events } = assignment
  const bars = guest.enumerate(commandBit.ioSpace | commandBit.memorySpace)
  const io = bars.find(({ kind }) => kind === 'io')
  if (io === undefined) return { bars, events }
  guest.write32(0, flowControlTimer, 0x1234)
  guest.write32(io.index, 0n, Number(flowControlTimer))
  const value = guest.read32(io.index, 4n)
  guest.command = commandBit.memorySpace
  const { places } = vmm
  return { bars, value, placesWithout: places, all: guest.read32(io.index, 4n), events }
}

async function functionLevelReset(address: string, card: Card) {
  await using assignment = await Assignment.open(address, { resetPolicy: { requireReset: true } })
  const { device, guest, events } = assignment
  bringUp(assignment, card)
  const before = await raised(assignment, card, [1])
  const marks = [nextMark()]
  guest.config.write(guest.find('pcie') + pcieOffset.deviceControl, 2, DeviceControl.mask('initiateFlr'))
  const during = guest.ids
  await device.settled()
  marks.push(nextMark())
  const after = { ids: guest.ids, command: guest.command, there: guest.isThere(0), bar: guest.config.read(0x10, 4) }
  prepareHost()
  bringUp(assignment, card)
  const resets = events.flatMap((event) => (event.kind === 'reset' ? [[event.cause, event.report.verdict]] : []))
  return { before, during, after, resets, again: await raised(assignment, card, [1]), marks }
}

let prepareHost = (): void => {}

/** A virtual function, and the host's driver of the physical one, which lets its vectors be used. */
async function virtualFunction() {
  const [address = ''] = createVirtualFunctions(igb, 2)
  bindToVfio(address)
  const fd = openSync(`${sysfsFolder(igb)}/resource0`, 'r+')
  using physical = new MappedFile(fd, 0n, 0x2_0000n)
  closeSync(fd)
  prepareHost = () => {
    physical.write(hostMode.register, 4, hostMode.value)
  }
  prepareHost()
  const vectors = await cardWithVectors(address, igbVirtualCard, [0, 1, 2])
  const decoding = await memoryEnable(address)
  const reset = await functionLevelReset(address, igbVirtualCard)
  prepareHost = () => {}
  return { gpie: physical.read(hostMode.register, 4), vectors, decoding, reset }
}

/** A virtual function always decodes; its Memory Space Enable is kept by the kernel, and shown to the guest by us. */
async function memoryEnable(address: string) {
  await using assignment = await Assignment.open(address)
  const { fn, guest, vmm, events } = assignment
  guest.enumerate(0)
  const off = { places: vmm.places, command: guest.command }
  guest.command = commandBit.memorySpace
  const on = { places: vmm.places, command: guest.command, answers: guest.read32(0, 0x8n) !== 0xffff_ffff }
  guest.command = 0
  const offAgain = { places: vmm.places, command: guest.command, value: guest.read32(0, 0x8n) }
  return { isVirtual: fn.isVirtualFunction, off, on, offAgain, events }
}

await runScenarios({
  'e1000e by eventfd': () => cardWithVectors(e1000e, e1000eCard, [0, 1, 2]),
  'e1000e by callback': () => cardWithVectors(e1000e, e1000eCard, [0, 1, 2], { byEventfd: false }),
  'e1000e, power': () => power(e1000e, e1000eCard),
  'e1000e, ports': () => ports(e1000e),
  igb: () => cardWithVectors(igb, igbPhysicalCard, [0, 1, 4, 9]),
  'igb, power': () => power(igb, igbPhysicalCard),
  'igb, function level reset': () => functionLevelReset(igb, igbPhysicalCard),
  'virtual function': virtualFunction,
})
