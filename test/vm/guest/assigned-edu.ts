// In the guest: an edu that is assigned to a guest of ours, by all that such a guest can do. Argument: the backend.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { msiOffset } from '../../../src/pci/capabilities/msi.js'
import { headerOffset } from '../../../src/pci/header.js'
import type { ResetReport } from '../../../src/reset/report.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf } from './addresses.js'
import { Assignment, type AssignOptions, backend } from './assigned/assign.js'
import { commandBit, type GuestFunction } from './assigned/guest-function.js'
import { messageTo } from './assigned/guest-msix.js'
import { nextMark, runScenarios } from './assigned/scenarios.js'
import { until } from './assigned/until.js'
import { bindToVfio, setResetMethods, sysfsFolder } from './binding.js'
import { EduDriver, transferMs } from './edu-driver.js'

/** Registers beside the DMA engine (QEMU docs/specs/edu.rst). */
const register = { factorial: 0x08n, status: 0x20n, interruptStatus: 0x24n, raise: 0x60n, acknowledge: 0x64n } as const
const interruptAfterFactorial = 0x80
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

const root = addressOf('edu-root')
const port = addressOf('edu-port')
bindToVfio(root, port)

function msi(guest: GuestFunction, interrupt: number, enable = true): void {
  const at = guest.find('msi')
  const { address, data } = messageTo(interrupt)
  guest.config.write(at + msiOffset.addressLow, 4, Number(address))
  guest.config.write(at + msiOffset.addressHigh, 4, 0)
  guest.config.write(at + msiOffset.data64, 2, data)
  guest.config.write(at + msiOffset.control, 2, enable ? 1 : 0)
}

async function enumerate() {
  await using assignment = await Assignment.open(root)
  const { guest, vmm } = assignment
  const { ids, capabilities } = guest
  const marks = [nextMark()]
  const sized = ([4, 2, 1] as const).map((width) => guest.sizeBars(width))
  const [bar] = sized[0] ?? []
  if (bar === undefined) throw new Error('no BAR')
  const before = vmm.places
  guest.place(bar, 0xe000_0000n)
  const placed = vmm.places
  guest.command = commandBit.memorySpace
  const enabled = { places: vmm.places, id: guest.read32(0, 0n) }
  guest.place(bar, 0xf120_0000n)
  const moved = { places: vmm.places, id: guest.read32(0, 0n) }
  // Linux sizes a BAR with decoding on where it must: it then is nowhere, and comes back.
  const sizedAgain = { bars: guest.sizeBars(), places: vmm.places, id: guest.read32(0, 0n) }
  // The low byte alone, as a driver of bytes would.
  guest.config.write(headerOffset.command, 1, 0)
  const disabled = { places: vmm.places, there: guest.isThere(0), id: guest.read32(0, 0n) }
  guest.config.write(headerOffset.command, 4, commandBit.memorySpace)
  const again = { places: vmm.places, id: guest.read32(0, 0n) }
  marks.push(nextMark())
  return {
    ids,
    capabilities,
    class: guest.config.read(8, 4),
    sized,
    before,
    placed,
    enabled,
    moved,
    sizedAgain,
    disabled,
    again,
    marks,
  }
}

async function dma(address: string) {
  await using assignment = await Assignment.open(address)
  const { guest, vmm } = assignment
  guest.enumerate()
  const driver = new EduDriver(guest)
  const [from, to] = [vmm.memory.page(1), vmm.memory.page(300)]
  for (let i = 0; i < length; i++) from.bytes[i] = (i * 7 + 3) & 0xff
  driver.load(from.address, length)
  while (driver.isTransferring) await wait(5)
  to.bytes.fill(0)
  driver.store(to.address, length)
  while (driver.isTransferring) await wait(5)
  const same = Buffer.compare(from.bytes.subarray(0, length), to.bytes.subarray(0, length)) === 0
  return { same, beyond: to.bytes.subarray(length).every((byte) => byte === 0) }
}

async function interrupts(options: AssignOptions) {
  await using assignment = await Assignment.open(root, options)
  const { guest, vmm } = assignment
  guest.enumerate()
  const acknowledge = (): number => {
    const status = guest.read32(0, register.interruptStatus)
    guest.write32(0, register.acknowledge, status)
    return status
  }
  const heard = () => until(() => vmm.messages.length > 0)
  const taken = () => vmm.messages.splice(0)

  msi(guest, 0x41)
  guest.write32(0, register.raise, 0x1234)
  await heard()
  const raised = { messages: taken(), status: acknowledge() }

  guest.write32(0, register.status, interruptAfterFactorial)
  guest.write32(0, register.factorial, 10)
  await heard()
  const factorial = { messages: taken(), status: acknowledge(), value: guest.read32(0, register.factorial) }
  guest.write32(0, register.status, 0)

  // The guest gives the vector another message.
  msi(guest, 0x52)
  const transfer = new EduDriver(guest)
  transfer.store(vmm.memory.page(2).address, 64, { interrupt: true })
  await heard()
  const finished = { messages: taken(), status: acknowledge() }

  // Off: no message, and no line where it is off too.
  guest.command |= commandBit.intxDisable
  msi(guest, 0x41, false)
  guest.write32(0, register.raise, 1)
  await wait(30)
  const off = { messages: taken(), raised: vmm.raised }
  acknowledge()

  // INTx: the level stays until the device is served.
  guest.command &= ~commandBit.intxDisable
  guest.write32(0, register.raise, 2)
  await until(() => vmm.raised === 1)
  const once = vmm.raised
  vmm.endOfInterrupt()
  await until(() => vmm.raised === 2)
  const again = vmm.raised
  const status = acknowledge()
  vmm.endOfInterrupt()
  await wait(30)
  const served = vmm.raised
  guest.write32(0, register.raise, 4)
  await until(() => vmm.raised === 3)
  const next = { raised: vmm.raised, status: acknowledge() }
  vmm.endOfInterrupt()
  return { raised, factorial, finished, off, intx: { once, again, status, served, next }, failures: assignment.events }
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
    inFlight = driver.isTransferring
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

async function resetsInFlight(address: string, bare: boolean) {
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
  msi(guest, 0x41)
}

async function quarantine(address: string, methods: string | undefined) {
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

/** What this process holds of VFIO, and in all. */
function held() {
  const fds = readdirSync('/proc/self/fd').length
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return { fds, vfioMaps: maps.filter((line) => /vfio|guest-memory/.test(line)).length }
}

async function openAndClose() {
  const once = async () => {
    await using assignment = await Assignment.open(root)
    const { guest } = assignment
    guest.enumerate()
    msi(guest, 0x41)
    return { id: guest.read32(0, 0n), held: held() }
  }
  await once()
  const before = held()
  let open = before
  let answered = 0
  for (let round = 0; round < 50; round++) {
    const { id, held: now } = await once()
    if (id === 0x0100_00ed) answered++
    open = now
  }
  return { before, open, after: held(), answered }
}

/** Somebody takes the driver from a device that is open: what becomes of that, before and after it is closed. */
async function unbound(whoAsked: () => boolean, identify: () => number, close: () => Promise<void>) {
  const child = spawn('sh', ['-c', `echo ${root} > ${sysfsFolder(root)}/driver/unbind`], { stdio: 'ignore' })
  let status: number | null | undefined
  child.on('close', (code) => {
    status = code
  })
  const asked = await until(whoAsked)
  const waited = status === undefined
  const id = identify()
  await close()
  const ended = await until(() => status !== undefined, 5000)
  bindToVfio(root)
  return { asked, waited, id, ended, status }
}

async function askedBack() {
  await using assignment = await Assignment.open(root)
  const { device, events, guest } = assignment
  guest.enumerate()
  return await unbound(
    () => events.some(({ kind }) => kind === 'release-requested'),
    () => guest.read32(0, 0n),
    () => device.close(),
  )
}

/** The function alone, with a mapping that ends as it is closed: by then the kernel has taken its group apart. */
async function functionAskedBack() {
  using ownership = new VfioOwnership({ backend })
  const fn = await ownership.open(root)
  using memory = fn.dma.allocate(fn.dma.pageSize)
  fn.dma.map(0x10_0000n, memory, 'read-write')
  let asked = false
  const signal = (): void => {
    asked = true
  }
  fn.interrupts.enable('req', [{ signal }])
  const driver = new EduDriver(fn)
  driver.enable()
  return await unbound(
    () => asked,
    () => driver.identification,
    () => fn[Symbol.asyncDispose](),
  )
}

await runScenarios({
  enumerate,
  'dma on the root bus': () => dma(root),
  'dma behind a port': () => dma(port),
  'interrupts by eventfd': () => interrupts({ byEventfd: true }),
  'interrupts by callback': () => interrupts({ byEventfd: false }),
  'in flight, edu-root': () => resetsInFlight(root, false),
  'in flight, edu-port': () => resetsInFlight(port, false),
  'in flight, bare': () => resetsInFlight(port, true),
  'quarantine without a method': () => quarantine(root, undefined),
  'quarantine after a failed reset': () => quarantine(port, '\n'),
  'opened and closed': openAndClose,
  'asked back': askedBack,
  'asked back, without a guest': functionAskedBack,
})
