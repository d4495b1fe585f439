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
  readonly memoryMiB?: number
  readonly cpus?: number
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
const processor = () => (accelerator() === 'tcg' ? 'Nehalem,+rdrand' : 'host')

/** The program and its arguments. */
export function qemuCommand(parts: VmParts, options: MachineOptions): string[] {
  return [
    ...bundledCommand(parts.root, 'usr/bin/qemu-system-x86_64'),
    ...['-L', join(parts.root, 'usr/share/qemu'), '-L', join(parts.root, 'usr/share/seabios')],
    ...['-machine', 'q35,kernel-irqchip=split', '-accel', acceleratorArgument(), '-cpu', processor()],
    ...['-m', `${options.memoryMiB ?? 512}M`, '-smp', String(options.cpus ?? 1)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'],
    ...options.serialLines,
    ...['-kernel', parts.kernel, '-initrd', options.initramfs, '-append', kernelCommandLine(options.topology)],
    ...(options.trace === undefined ? [] : traceArguments(options.trace, options.traceReads ?? false)),
    // Without interrupt remapping the kernel refuses to let a device be assigned (EPERM).
    ...(options.topology.iommu ? ['-device', 'intel-iommu,intremap=on'] : []),
    ...bridgeArguments(options.topology),
    ...options.topology.devices.flatMap(deviceArguments),
  ]
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

function traceArguments(file: string, reads: boolean): string[] {
  const events = reads ? ['pci_cfg_write', 'pci_cfg_read'] : ['pci_cfg_write']
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

function deviceArguments({ name, model, bridgeSlot, slot }: PlacedDevice): string[] {
  const bus = bridgeSlot === undefined ? 'pcie.0' : bridgeId(bridgeSlot)
  const properties = [model.model, `id=${name}`, `bus=${bus}`, `addr=${slot.toString(16)}`, ...(model.properties ?? [])]
  return [...(model.backend ?? []), '-device', properties.join(',')].map((text) => text.replaceAll('ID-', `${name}-`))
}

const bridgeId = (slot: number) => `bridge${slot}`
