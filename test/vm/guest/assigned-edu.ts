// In the guest: an edu that is assigned to a guest of ours, by all that such a guest can do. Argument: the backend.
import { setTimeout as wait } from 'node:timers/promises'
import { headerOffset } from '../../../src/pci/header.js'
import { addressOf } from './addresses.js'
import { Assignment, type AssignOptions } from './assigned/assign.js'
import { askedBack, functionAskedBack, openAndClose } from './assigned/edu-lifetime.js'
import { quarantine, resetsInFlight } from './assigned/edu-resets.js'
import { commandBit } from './assigned/guest-function.js'
import { programMsi } from './assigned/guest-msi.js'
import { nextMark, runScenarios } from './assigned/scenarios.js'
import { until } from './assigned/until.js'
import { bindToVfio } from './binding.js'
import { EduDriver } from './edu-driver.js'

/** Registers beside the DMA engine (QEMU docs/specs/edu.rst). */
const register = { factorial: 0x08n, status: 0x20n, interruptStatus: 0x24n, raise: 0x60n, acknowledge: 0x64n } as const
const interruptAfterFactorial = 0x80
const length = 256

const root = addressOf('edu-root')
const port = addressOf('edu-port')
bindToVfio(root, port)

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
    backend: assignment.fn.backend,
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

  programMsi(guest, 0x41)
  guest.write32(0, register.raise, 0x1234)
  await heard()
  const raised = { messages: taken(), status: acknowledge() }

  guest.write32(0, register.status, interruptAfterFactorial)
  guest.write32(0, register.factorial, 10)
  await heard()
  const factorial = { messages: taken(), status: acknowledge(), value: guest.read32(0, register.factorial) }
  guest.write32(0, register.status, 0)

  // The guest gives the vector another message.
  programMsi(guest, 0x52)
  const transfer = new EduDriver(guest)
  transfer.store(vmm.memory.page(2).address, 64, { interrupt: true })
  await heard()
  const finished = { messages: taken(), status: acknowledge() }

  // Off: no message, and no line where it is off too.
  guest.command |= commandBit.intxDisable
  programMsi(guest, 0x41, false)
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
  'opened and closed': () => openAndClose(root),
  'asked back': () => askedBack(root),
  'asked back, without a guest': () => functionAskedBack(root),
})
