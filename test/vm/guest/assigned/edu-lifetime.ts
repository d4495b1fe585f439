// In the guest: what is left of an edu that was assigned, and how it is given back when the kernel asks for it.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { VfioOwnership } from '../../../../src/vfio/vfio-ownership.js'
import { bindToVfio, sysfsFolder } from '../binding.js'
import { EduDriver } from '../edu-driver.js'
import { Assignment, backend } from './assign.js'
import { programMsi } from './guest-msi.js'
import { until } from './until.js'

/** What this process holds of VFIO, and in all. */
function held() {
  const fds = readdirSync('/proc/self/fd').length
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return { fds, vfioMaps: maps.filter((line) => /vfio|guest-memory/.test(line)).length }
}

export async function openAndClose(address: string) {
  const once = async () => {
    await using assignment = await Assignment.open(address)
    const { guest } = assignment
    guest.enumerate()
    programMsi(guest, 0x41)
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
async function unbound(address: string, whoAsked: () => boolean, identify: () => number, close: () => Promise<void>) {
  const child = spawn('sh', ['-c', `echo ${address} > ${sysfsFolder(address)}/driver/unbind`], { stdio: 'ignore' })
  let status: number | null | undefined
  child.on('close', (code) => {
    status = code
  })
  const asked = await until(whoAsked)
  const waited = status === undefined
  const id = identify()
  await close()
  const ended = await until(() => status !== undefined, 5000)
  bindToVfio(address)
  return { asked, waited, id, ended, status }
}

export async function askedBack(address: string) {
  await using assignment = await Assignment.open(address)
  const { device, events, guest } = assignment
  guest.enumerate()
  return await unbound(
    address,
    () => events.some(({ kind }) => kind === 'release-requested'),
    () => guest.read32(0, 0n),
    () => device.close(),
  )
}

/** The function alone, with a mapping that ends as it is closed: by then the kernel has taken its group apart. */
export async function functionAskedBack(address: string) {
  using ownership = new VfioOwnership({ backend })
  const fn = await ownership.open(address)
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
    address,
    () => asked,
    () => driver.identification,
    () => fn[Symbol.asyncDispose](),
  )
}
