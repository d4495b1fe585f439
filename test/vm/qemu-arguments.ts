// A topology, as QEMU's command line.
import { join } from 'node:path'
import { bundledCommand } from './bundled-command.js'
import type { VmParts } from './packages.js'
import type { PlacedDevice, Topology } from './topology.js'

export interface MachineOptions {
  readonly topology: Topology
  readonly initramfs: string
  /** Arguments of the two serial lines: the console, and the line of results. */
  readonly serialLines: readonly string[]
  /** The file for what reaches the devices' config space. */
  readonly trace?: string
  readonly traceReads?: boolean
  /** Further events for the same file, by QEMU's names. */
  readonly traceEvents?: readonly string[]
  readonly memoryMiB?: number
  readonly cpus?: number
  /** QEMU's name of the processor. */
  readonly cpuModel?: string
  /** Memory that a device's server maps; true where there is such a device. Without, it has to ask for each access. */
  readonly sharedMemory?: boolean
  /** A reboot starts it anew; unless told so, it ends the run. */
  readonly mayReboot?: boolean
}

/** The software CPU, unless the user knows that KVM works here: it must not be counted on. */
export function accelerator(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['QUIESCE_VM_ACCEL'] ?? 'tcg'
}

/**
 * One thread for all processors: with one each, a change of the memory map, which every write of Bus Master or Memory Space
 * Enable is, can meet a processor that still uses the old one, and QEMU ends with an assertion (iotlb_to_section).
 */
const acceleratorArgument = () => (accelerator() === 'tcg' ? 'tcg,thread=single' : accelerator())

// What a newer processor adds (AVX above all) is slow in software, and programs use it where they find it.
const slowInSoftware = ['avx', 'avx2', 'fma', 'f16c', 'xsave', 'xsavec', 'xsaveopt', 'xgetbv1', 'xsaves']
/** A processor with KVM, for a guest with guests of its own. */
export const processorWithKvm = ['EPYC', '+svm', ...slowInSoftware.map((feature) => `-${feature}`)].join(',')
const processor = () => (accelerator() === 'tcg' ? 'Nehalem,+rdrand' : 'host')

/** The program and its arguments. */
export function qemuCommand(parts: VmParts, options: MachineOptions): string[] {
  return [
    ...bundledCommand(parts.qemu, 'usr/bin/qemu-system-x86_64'),
    ...['-L', join(parts.qemu, 'usr/share/qemu'), '-L', join(parts.qemu, 'usr/share/seabios')],
    ...memoryArguments(options),
    ...['-accel', acceleratorArgument(), '-cpu', options.cpuModel ?? processor(), '-smp', String(options.cpus ?? 1)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-nic', 'none'],
    ...(options.mayReboot ? [] : ['-no-reboot']),
    ...options.serialLines,
    ...['-kernel', parts.kernel, '-initrd', options.initramfs, '-append', kernelCommandLine(options.topology)],
    ...(options.trace === undefined ? [] : traceArguments(options.trace, options)),
    // Without interrupt remapping the kernel refuses to let a device be assigned (EPERM).
    ...(options.topology.iommu ? ['-device', iommu(options.topology)] : []),
    ...bridgeArguments(options.topology),
    ...options.topology.devices.flatMap(deviceArguments),
  ]
}

/** Whoever serves a device must see what the IOMMU maps, so that it has to report what it would otherwise only look up. */
const iommu = (topology: Topology) => `intel-iommu,intremap=on${isServed(topology) ? ',caching-mode=on' : ''}`

/** Whether there are devices by vfio-user, which need the newer QEMU and memory that can be shared. */
export const isServed = ({ devices }: Topology) => devices.some(({ served }) => served !== undefined)

function memoryArguments({ topology, memoryMiB = 512, sharedMemory }: MachineOptions): string[] {
  const machine = 'q35,kernel-irqchip=split'
  const size = `${memoryMiB}M`
  if (!(sharedMemory ?? isServed(topology))) return ['-machine', machine, '-m', size]
  const backend = `memory-backend-memfd,id=memory,size=${size},share=on`
  return ['-object', backend, '-machine', `${machine},memory-backend=memory`, '-m', size]
}

function kernelCommandLine({ iommu }: Topology): string {
  return [
    'console=ttyS0 quiet panic=-1 rdinit=/init',
    // On a busy host the software CPU misses the ticks that the kernel tests its timer with, and the kernel panics.
    'no_timer_check',
    // None of these matters to what is tested, and each takes time on a software CPU.
    'mitigations=off nokaslr audit=0 random.trust_cpu=on',
    iommu ? 'intel_iommu=on' : 'intel_iommu=off',
  ].join(' ')
}

function traceArguments(
  file: string,
  { traceReads, traceEvents = [] }: Pick<MachineOptions, 'traceReads' | 'traceEvents'>,
): string[] {
  const events = ['pci_cfg_write', ...(traceReads === true ? ['pci_cfg_read'] : []), ...traceEvents]
  return [...events.flatMap((event) => ['-trace', event]), '-D', file, '-msg', 'timestamp=on']
}

function bridgeArguments({ devices }: Topology): string[] {
  const bridges = new Map<number, string>()
  for (const { bridgeSlot, model } of devices) {
    if (bridgeSlot !== undefined) bridges.set(bridgeSlot, bridge(bridgeSlot, model.attachment))
  }
  return [...bridges.values()].flatMap((device) => ['-device', device])
}

function bridge(slot: number, attachment: string): string {
  const place = `id=${bridgeId(slot)},bus=pcie.0,addr=${slot.toString(16)}`
  if (attachment === 'shared-bus') return `pcie-pci-bridge,${place}`
  // At 5 GT/s the kernel waits for a time after a reset of the bus, and above it for the link to say that it is up
  // (PCIe 6.0, 6.6.1), which QEMU never does.
  const speed = attachment === 'slow-root-port' ? '' : ',x-speed=5'
  return `pcie-root-port,${place},chassis=${slot}${speed}`
}

function deviceArguments({ name, model, bridgeSlot, slot, served }: PlacedDevice): string[] {
  const bus = bridgeSlot === undefined ? 'pcie.0' : bridgeId(bridgeSlot)
  if (served !== undefined) {
    const place = { driver: model.model, id: name, bus, addr: slot.toString(16) }
    const socket = { type: 'unix', path: served.socket }
    return ['-device', JSON.stringify({ ...place, socket, ...served.properties })]
  }
  const properties = [model.model, `id=${name}`, `bus=${bus}`, `addr=${slot.toString(16)}`, ...(model.properties ?? [])]
  return [...(model.backend ?? []), '-device', properties.join(',')].map((text) => text.replaceAll('ID-', `${name}-`))
}

const bridgeId = (slot: number) => `bridge${slot}`
