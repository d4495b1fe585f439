// Boots the VM, runs one guest program in it and collects what it reported and what its devices saw.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConfigAccess, parseConfigTrace, parseTraceEvents, type TraceEvent } from './config-trace.js'
import type { CpioEntry } from './cpio.js'
import { exitMarker, programScript, resultMarker } from './guest-script.js'
import { projectEntries, writeInitramfs } from './initramfs.js'
import type { ModuleSet } from './kernel-modules.js'
import { nodeLayer, systemLayer } from './layers.js'
import { type KernelName, requireMachineParts } from './machine-parts.js'
import { qemuCommand } from './qemu-arguments.js'
import { topology as machineWith, type Topology } from './topology.js'

export interface RunOptions {
  /** The name of a file in test/vm/guest, without its suffix. */
  readonly program: string
  readonly args?: readonly string[]
  /** All devices and an IOMMU, unless told otherwise. */
  readonly topology?: Topology
  /** The whole run, boot included. */
  readonly timeoutMs?: number
  /** Collect reads of config space too; there are many. */
  readonly traceReads?: boolean
  /** Collect these events of QEMU's too, by its names. */
  readonly traceEvents?: readonly string[]
  readonly memoryMiB?: number
  readonly cpus?: number
  /** Debian's, which has no IOMMUFD, or one that is built for it; Debian's unless told otherwise. */
  readonly kernel?: KernelName
  /** QEMU's name of the processor. `processorWithKvm` is one with KVM: the guest then has /dev/kvm if `modules` names `kvm`. */
  readonly cpuModel?: string
  /** Kernel modules to load besides those of VFIO. A kernel that has them built in takes no notice. */
  readonly modules?: readonly ModuleSet[]
  /** Further files of the guest: archives that the cache has (layers.ts), and others. */
  readonly layers?: readonly string[]
  readonly files?: readonly CpioEntry[]
  /** Hears what the guest prints on its console, as it comes. */
  readonly onConsole?: (text: string) => void
}

export interface VmRun {
  /** The program's exit status. Nothing if it did not come to its end: see `ending`. */
  readonly exitCode: number | undefined
  /** `exited`: the program ended. `timeout`: it was still running. `died`: the guest or QEMU ended first. */
  readonly ending: 'exited' | 'timeout' | 'died'
  /** What the program passed to `report`, in order. */
  readonly results: readonly unknown[]
  /** All that the console and QEMU itself printed. */
  readonly serial: string
  /** Every write to a config space since power-on, in order; reads too where asked for. */
  readonly configWrites: readonly ConfigAccess[]
  /** What `traceEvents` asked for, in order. */
  readonly events: readonly TraceEvent[]
  readonly durationMs: number
}

const defaultTimeoutMs = 120_000

/** QEMU ended by an assertion of its own: the emulator's defect, which says nothing of what is tested. */
const emulatorDefect = /^.*qemu-system-\S+: \S+:\d+: .*Assertion .* failed\.$/m
const mostBoots = 3

/** Runs a guest program. Throws only where there can be no VM; how the program fared is in what is returned. */
export async function runInVm(options: RunOptions): Promise<VmRun> {
  for (let boot = 1; ; boot++) {
    const run = await bootOnce(options)
    const defect = run.ending === 'died' ? emulatorDefect.exec(run.serial)?.[0] : undefined
    if (defect === undefined || boot === mostBoots) return run
    console.error(`test VM: QEMU gave up, so the program is run again (${defect})`)
  }
}

async function bootOnce(options: RunOptions): Promise<VmRun> {
  const topology = options.topology ?? machineWith()
  const parts = await requireMachineParts(topology, options.kernel)
  const layers = [await systemLayer(parts), await nodeLayer(parts), ...(options.layers ?? [])]
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-vm-'))
  try {
    const files = {
      initramfs: join(folder, 'initramfs'),
      results: join(folder, 'results'),
      trace: join(folder, 'trace'),
    }
    const script = programScript(topology, options.program, options.args ?? [], options.modules)
    writeInitramfs(files.initramfs, layers, [...projectEntries(), ...(options.files ?? [])], script)
    const command = qemuCommand(parts, {
      ...options,
      topology,
      initramfs: files.initramfs,
      trace: files.trace,
      serialLines: ['-serial', 'stdio', '-serial', `file:${files.results}`],
    })
    const outcome = await runMachine(command, options, () => rmSync(files.initramfs, { force: true }))
    const lines = readIfThere(files.results).split('\n')
    const trace = readIfThere(files.trace)
    const exitCode = parseExit(lines)
    return {
      exitCode,
      ending: exitCode !== undefined ? 'exited' : outcome.timedOut ? 'timeout' : 'died',
      results: parseResults(lines),
      serial: outcome.serial,
      configWrites: parseConfigTrace(trace, topology),
      events: parseTraceEvents(trace, options.traceEvents ?? []),
      durationMs: outcome.durationMs,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface MachineOutcome {
  readonly serial: string
  readonly timedOut: boolean
  readonly durationMs: number
}

function runMachine(command: readonly string[], options: RunOptions, onStarted: () => void): Promise<MachineOutcome> {
  const started = performance.now()
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let serial = ''
    let timedOut = false
    const hear = (text: string) => {
      serial += text
      options.onConsole?.(text)
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    // The guest speaks, so QEMU has read its files: even a run that is killed leaves nothing large behind.
    child.stdout.once('data', onStarted)
    child.stderr.setEncoding('utf8').on('data', hear)
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeoutMs ?? defaultTimeoutMs)
    const stop = () => child.kill('SIGKILL')
    process.once('exit', stop)
    child.on('error', (cause) => reject(new Error('Cannot boot the test VM: QEMU cannot be started', { cause })))
    child.on('close', () => {
      clearTimeout(timer)
      process.off('exit', stop)
      resolve({ serial, timedOut, durationMs: Math.round(performance.now() - started) })
    })
  })
}

function parseResults(lines: readonly string[]): unknown[] {
  return lines.flatMap((line) =>
    line.startsWith(`${resultMarker} `) ? [JSON.parse(line.slice(resultMarker.length + 1))] : [],
  )
}

function parseExit(lines: readonly string[]): number | undefined {
  const marker = lines.find((line) => line.startsWith(`${exitMarker} `))
  return marker === undefined ? undefined : Number(marker.slice(exitMarker.length + 1))
}

const readIfThere = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
