// Boots the VM for what needs the kernel's VFIO, and hands back the raw samples.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findKernelHeaders } from '../test/abi/kernel-headers.js'
import { fileEntry } from '../test/vm/archive-entries.js'
import { prepareVm } from '../test/vm/prepare.js'
import { type RunOptions, runInVm } from '../test/vm/run-in-vm.js'
import { topology } from '../test/vm/topology.js'
import { compile } from './c/compile.js'
import { assignedDevices, mappedDevices } from './devices.js'
import type { DeviceResult } from './guest/device.js'
import type { GuestResult } from './guest/measure.js'
import type { MemoryResult } from './guest/memory.js'

/** What one run gave, or why it gave nothing. */
export type FromVm<T> =
  | { readonly available: true; readonly results: readonly T[] }
  | { readonly available: false; readonly reason: string }

async function run<T>(options: Omit<RunOptions, 'timeoutMs'>): Promise<FromVm<T>> {
  try {
    const parts = await prepareVm()
    if (!parts.available) return parts
    // The VM runs programs of its tests; these lie beside what they share with the host's part.
    const program = `../../../bench/guest/${options.program}`
    const { exitCode, ending, serial, results } = await runInVm({ ...options, program, timeoutMs: 900_000 })
    if (exitCode === 0) return { available: true, results: results as T[] }
    const last = serial.trimEnd().split('\n').slice(-15).join('\n')
    return { available: false, reason: `the measuring program in the VM ended badly (${ending}):\n${last}` }
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Resets and listing; nothing of what has 0 rounds. */
export function resetsInVm(resetRounds: number, listRounds: number): Promise<FromVm<GuestResult>> {
  return run({ program: 'measure', args: [resetRounds, listRounds].map(String) })
}

export function devicesInVm(rounds: number): Promise<FromVm<DeviceResult>> {
  return run({ program: 'device', args: [String(rounds)], topology: topology([...assignedDevices]) })
}

export interface MemoryInVm {
  readonly type1: FromVm<MemoryResult>
  readonly iommufd: FromVm<MemoryResult>
  readonly notes: readonly string[]
}

/** By a container of type1, and by iommufd where its kernel can be had. */
export async function memoryInVm(rounds: number, gib: number): Promise<MemoryInVm> {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-bench-'))
  try {
    const compiled = compile('map-memory', folder, (await findKernelHeaders()).folders)
    const files = compiled.ok ? [fileEntry(compiled.path, 'opt/bench/map-memory')] : []
    const notes = compiled.ok ? [] : [`No program in C to compare with: ${compiled.reason}`]
    // Half a GiB for the files and Node, the memory itself, and the tables of the IOMMU.
    const machine = { topology: topology([...mappedDevices]), memoryMiB: 1280, files }
    const by = (backend: string) => ({ ...machine, program: 'memory', args: [String(rounds), backend, String(gib)] })
    const type1 = await run<MemoryResult>(by('group'))
    const iommufd = await run<MemoryResult>({ ...by('cdev'), kernel: 'iommufd' })
    return { type1, iommufd, notes }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
