// The kernel modules of the guest, each after those that it depends on, so that plain insmod loads them.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * What a guest may need, in sets; what those depend on comes along. `vfio` is loaded at every boot: pci-pf-stub lets a device
 * create its virtual functions. What is missing is built into the kernel.
 */
export const moduleSets = {
  vfio: ['vfio_pci', 'vfio_iommu_type1', 'pci_pf_stub'],
  /** For guests of the guest. */
  kvm: ['kvm_amd'],
  /** Drivers of devices that a guest has by vfio-user. */
  drivers: ['nvme', 'virtio_rng', 'virtio_blk', 'ext4'],
} as const

export type ModuleSet = keyof typeof moduleSets

export interface KernelModule {
  readonly name: string
  readonly data: Uint8Array
}

/** Reads `wanted` and their dependencies out of `folder`, in an order in which they can be inserted. */
export function readKernelModules(folder: string, wanted: readonly string[], busybox: string): KernelModule[] {
  const files = new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.ko(\.xz)?$/.test(path))
      .map((path) => [moduleName(path), join(folder, path)]),
  )
  const ordered = new Map<string, KernelModule>()
  const visit = (name: string): void => {
    if (ordered.has(name)) return
    const path = files.get(name)
    // What is not a file is built into the kernel.
    if (path === undefined) return
    const data = readModule(path, busybox)
    for (const dependency of dependenciesOf(data)) visit(dependency)
    ordered.set(name, { name, data })
  }
  for (const name of wanted) visit(name)
  return [...ordered.values()]
}

const moduleName = (path: string) =>
  basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_')

function readModule(path: string, busybox: string): Buffer {
  if (!path.endsWith('.xz')) return readFileSync(path)
  const { stdout, status, stderr } = spawnSync(busybox, ['unxz', '-c', path], { maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(`Cannot unpack ${path}: ${stderr}`)
  return stdout
}

/** The "depends=" record of a module's .modinfo section (include/linux/module.h, MODULE_INFO). */
export function dependenciesOf(module: Buffer): string[] {
  const start = module.indexOf('\0depends=')
  if (start === -1) return []
  const from = start + '\0depends='.length
  const list = module.toString('latin1', from, module.indexOf(0, from))
  return list
    .split(',')
    .filter((name) => name !== '')
    .map((name) => name.replaceAll('-', '_'))
}
