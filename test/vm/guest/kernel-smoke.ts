// What this kernel offers once devices are bound to vfio-pci: nodes of iommufd, devices and groups, and KVM.
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { tryIoctl } from '../../../src/linux/ioctl.js'
import { deviceAddresses } from './addresses.js'
import { bindToVfio } from './binding.js'
import { report } from './report.js'

export interface KernelSmoke {
  readonly iommufd: boolean
  /** What is in /dev/vfio/devices, one for each device. */
  readonly devices: readonly string[]
  readonly hugePages: readonly string[]
  readonly kvm?: KvmSmoke
}

export interface KvmSmoke {
  readonly version: unknown
  readonly machine: unknown
}

// <linux/kvm.h>
const getApiVersion = { name: 'KVM_GET_API_VERSION', request: 0xae00 }
const createVm = { name: 'KVM_CREATE_VM', request: 0xae01 }

bindToVfio(...Object.values(deviceAddresses()))
const kvm = tryKvm()
report({
  iommufd: canOpen('/dev/iommu'),
  devices: list('/dev/vfio/devices'),
  hugePages: list('/sys/kernel/mm/hugepages'),
  ...(kvm === undefined ? {} : { kvm }),
} satisfies KernelSmoke)

function tryKvm(): KvmSmoke | undefined {
  if (!existsSync('/dev/kvm')) return undefined
  const fd = openSync('/dev/kvm', 'r+')
  const version = tryIoctl(fd, getApiVersion, 0)
  const machine = tryIoctl(fd, createVm, 0)
  if (machine.ok) closeSync(machine.value)
  closeSync(fd)
  return { version: version.ok && version.value, machine: machine.ok }
}

function canOpen(path: string): boolean {
  if (!existsSync(path)) return false
  closeSync(openSync(path, 'r+'))
  return true
}

function list(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : []
}
