// A guest drives QEMU's edu device on the kernel's KVM and VFIO, and its machine is reset in the middle of a transfer.
//
//   node build/examples/kvm-vmm.js 0000:00:04.0
//
// Needs /dev/kvm, and the device bound to vfio-pci.
import { setTimeout as wait } from 'node:timers/promises'
import { AssignedDevice } from '../src/device/assigned-device.js'
import { VfioOwnership } from '../src/vfio/vfio-ownership.js'
import { runOnDevice } from './command-line/run-on-device.js'
import type { EduProgramOptions } from './kvm-vmm/edu-program.js'
import { loadGuest } from './kvm-vmm/guest-image.js'
import { guestLayout, guestMark, readResults } from './kvm-vmm/guest-layout.js'
import { KvmVmm } from './kvm-vmm/kvm-vmm.js'

const program: EduProgramOptions = { interrupts: 'msi', rounds: 5000, raises: 20, transfers: 2, endsInFlight: true }
const slot = 3
const canary = 0x5a
/** A transfer of edu takes 100 ms. */
const transferMs = 100

const failures: Readonly<Record<number, string>> = {
  [guestMark.notFound]: 'the guest finds no edu (1234:11e8)',
  [guestMark.noMsi]: 'the guest finds no MSI capability',
}

async function expectMark(vmm: KvmVmm, expected: number): Promise<void> {
  const stop = await vmm.run()
  if (stop.why === 'mark' && stop.value === expected) return
  const what = stop.why === 'mark' ? (failures[stop.value] ?? `the guest marked ${stop.value}`) : 'the guest was reset'
  throw new Error(`Cannot go on: ${what}`)
}

async function drive(vmm: KvmVmm): Promise<void> {
  loadGuest(vmm.guestMemory, program)
  vmm.boot()
  await expectMark(vmm, guestMark.start)
  const before = { ...vmm.exits }
  await expectMark(vmm, guestMark.end)
  const { accesses, interrupts, transfers, mismatches, barSize } = readResults(vmm.guestMemory)
  const memory = vmm.exits.memory - before.memory
  const messages = vmm.exits.interrupt - before.interrupt
  console.log(`the guest drove the device: BAR 0 of ${barSize / 1024} KiB at 0x${guestLayout.bar.toString(16)}`)
  console.log(`  ${accesses} accesses to its registers: ${memory} exits, ${mismatches} mismatches`)
  console.log(`  ${interrupts} interrupts, ${transfers} transfers: ${messages} through JavaScript`)
}

async function resetInFlight(vmm: KvmVmm, device: AssignedDevice): Promise<void> {
  await expectMark(vmm, guestMark.inFlight)
  await vmm.reset()
  const report = await device.reset()
  // The memory is the next guest's from here on.
  vmm.guestMemory.fill(canary)
  await wait(3 * transferMs)
  const landed = vmm.guestMemory.filter((byte) => byte !== canary).length
  console.log(`the machine was reset in the middle of a transfer: ${report.verdict}, ${landed} bytes landed afterwards`)
}

async function main(address: string): Promise<void> {
  using ownership = new VfioOwnership()
  const fn = await ownership.open(address)
  using vmm = new KvmVmm()
  await using device = AssignedDevice.open(fn, vmm)
  vmm.plug(slot, device)
  try {
    await drive(vmm)
    await resetInFlight(vmm, device)
    await drive(vmm)
  } finally {
    // A processor that runs would keep the process from ending.
    await vmm.reset()
  }
}

await runOnDevice('kvm-vmm', main)
