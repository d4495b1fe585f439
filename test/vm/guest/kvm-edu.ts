// In the guest: a guest of the guest, on KVM, drives an edu that is assigned to it. Reports what came to JavaScript
// meanwhile, and what became of a transfer in the middle of which the machine was reset. Argument: the device's name.
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { EduProgramOptions } from '../../../examples/kvm-vmm/edu-program.js'
import { loadGuest } from '../../../examples/kvm-vmm/guest-image.js'
import { guestLayout, guestMark, type ResultName, readResults } from '../../../examples/kvm-vmm/guest-layout.js'
import { type ExitCounts, KvmVmm } from '../../../examples/kvm-vmm/kvm-vmm.js'
import { AssignedDevice } from '../../../src/device/assigned-device.js'
import type { Vmm } from '../../../src/device/vmm.js'
import type { Step } from '../../../src/reset/report.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import type { DeviceName } from '../devices.js'
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { run } from './command.js'
import { EduDriver, transferMs } from './edu-driver.js'
import { report } from './report.js'

/** What happened between the guest's two marks. */
export interface MeasuredRun {
  readonly interrupts: EduProgramOptions['interrupts']
  readonly results: Readonly<Record<ResultName, number>>
  /** Exits to JavaScript, the second mark's among them. */
  readonly exits: ExitCounts
  /** What KVM itself counts: exits to any user space, by the guest's accesses to memory. */
  readonly kernelMmioExits: number
}

export interface ResetInFlight {
  readonly mode: 'assigned' | 'bare'
  readonly verdict: string
  readonly intactAtReset: boolean
  readonly landed: boolean
}

const slot = 3
const canary = 0x5a
export const roundsInFlight = 5
export const bareRounds = 3
const sliceMs = 100
const patienceMs = 20_000
const quick: EduProgramOptions = { interrupts: 'msi', rounds: 10, raises: 2, transfers: 1, endsInFlight: false }

const address = addressOf(process.argv[2] as DeviceName)
bindToVfio(address)
await run('mount', ['-t', 'debugfs', 'debugfs', '/sys/kernel/debug'])
using ownership = new VfioOwnership()
const fn = await ownership.open(address)
const vmm = new KvmVmm()

let onWithdraw: () => void = () => {}
const watched: Vmm = {
  pageSize: vmm.pageSize,
  interrupts: vmm.interrupts,
  memory: vmm.memory,
  trap: (...range) => vmm.trap(...range),
  map: (at, source) => {
    const held = vmm.map(at, source)
    return {
      [Symbol.dispose]: () => {
        onWithdraw()
        held[Symbol.dispose]()
      },
    }
  },
}

async function expectMark(value: number): Promise<void> {
  const stop = await vmm.run()
  if (stop.why !== 'mark' || stop.value !== value) throw new Error(`the guest stopped by ${JSON.stringify(stop)}`)
}

const kernelMmioExits = (): number => Number(readFileSync('/sys/kernel/debug/kvm/mmio_exits', 'utf8'))

/** A guest from its first instruction to its second mark. */
async function runGuest(options: EduProgramOptions): Promise<MeasuredRun> {
  loadGuest(vmm.guestMemory, options)
  vmm.boot()
  await expectMark(guestMark.start)
  const [before, kernelBefore] = [{ ...vmm.exits }, kernelMmioExits()]
  await expectMark(guestMark.end)
  const kernelAfter = kernelMmioExits()
  const exits = { ...before }
  for (const kind of Object.keys(exits) as (keyof ExitCounts)[]) exits[kind] = vmm.exits[kind] - before[kind]
  return {
    interrupts: options.interrupts,
    results: readResults(vmm.guestMemory),
    exits,
    kernelMmioExits: kernelAfter - kernelBefore,
  }
}

/** Interrupts that the guest took while this thread did nothing at all, not even wait for events. */
async function interruptsWhileBlocked(): Promise<number> {
  loadGuest(vmm.guestMemory, { ...quick, raises: 200 })
  vmm.boot()
  await expectMark(guestMark.start)
  const ended = expectMark(guestMark.end)
  const still = new Int32Array(new SharedArrayBuffer(4))
  const taken = () => readResults(vmm.guestMemory).interrupts
  for (let waited = 0; taken() < 10 && waited < patienceMs; waited += sliceMs) Atomics.wait(still, 0, 0, sliceMs)
  const count = taken()
  await ended
  return count
}

/**
 * The machine is reset while the guest's last transfer is in flight, and its memory is the next guest's. Undefined if the
 * transfer was over too soon on this slow processor.
 */
async function resetInFlight(device: AssignedDevice, mode: ResetInFlight['mode']): Promise<ResetInFlight | undefined> {
  const driver = new EduDriver(fn)
  await runGuest({ ...quick, endsInFlight: true })
  await expectMark(guestMark.inFlight)
  // The guest goes on, and halts with its interrupts off: only the reset gets it out of there.
  const running = vmm.run()
  await vmm.reset()
  await running
  const target = vmm.guestMemory.subarray(guestLayout.target, guestLayout.target + 0x1000)
  target.fill(canary)
  const isIntact = () => target.every((byte) => byte === canary)
  let inFlight = false
  let verdict: string
  if (mode === 'assigned') {
    // Between Bus Master and Memory Space being cleared: the device still decodes, and its engine still runs.
    onWithdraw = () => {
      inFlight = driver.isTransferring
    }
    verdict = (await device.reset()).verdict
    onWithdraw = () => {}
  } else {
    // The engine must have got through it: a transfer that came to its end while the device was off the bus was lost. Looked
    // at as soon as the kernel is back, since all that the procedure still verifies takes its time here.
    let isBack = false
    const onStep = ({ step }: Step): void => {
      if (isBack || (step !== 'ready' && step !== 'method')) return
      isBack = true
      inFlight = driver.isTransferring
    }
    verdict = (await resetFunction(fn, { unsafeWithoutQuiesce: true, onStep })).verdict
  }
  const intactAtReset = isIntact()
  await wait(3 * transferMs)
  const landed = !isIntact()
  // As the next machine expects to find the device, whatever the mode.
  if (mode === 'bare') await device.reset()
  return inFlight ? { mode, verdict, intactAtReset, landed } : undefined
}

async function resetsInFlight(device: AssignedDevice, mode: ResetInFlight['mode'], rounds: number): Promise<void> {
  for (let done = 0, tries = 0; done < rounds && tries < 8 * rounds; tries++) {
    const result = await resetInFlight(device, mode)
    if (result === undefined) continue
    report(result)
    done++
  }
}

async function resetMachine(device: AssignedDevice): Promise<string> {
  await vmm.reset()
  return (await device.reset()).verdict
}

const device = AssignedDevice.open(fn, watched, { onEvent: ({ kind }) => report({ event: kind }) })
vmm.plug(slot, device)

report({ measured: await runGuest({ ...quick, rounds: 5000, raises: 100, transfers: 2 }) })
report({ verdict: await resetMachine(device) })
report({ measured: await runGuest({ ...quick, interrupts: 'intx', rounds: 500, raises: 50 }) })
await resetMachine(device)
report({ whileBlocked: await interruptsWhileBlocked() })
await resetMachine(device)

// What runs for the first time is slow on a software processor.
await resetInFlight(device, 'assigned')
await resetsInFlight(device, 'assigned', roundsInFlight)
await resetsInFlight(device, 'bare', bareRounds)
// The next guest finds a device that works.
report({ measured: await runGuest(quick) })
await vmm.reset()
await device.close()
vmm[Symbol.dispose]()
report({ closed: true })
