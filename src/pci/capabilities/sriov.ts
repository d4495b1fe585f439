// Single Root I/O Virtualization (PCIe 6.0 section 9.3.3).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const sriovOffset = {
  capabilities: 0x04,
  control: 0x08,
  status: 0x0a,
  initialVfs: 0x0c,
  totalVfs: 0x0e,
  numVfs: 0x10,
  functionDependencyLink: 0x12,
  firstVfOffset: 0x14,
  vfStride: 0x16,
  vfDeviceId: 0x1a,
  supportedPageSizes: 0x1c,
  systemPageSize: 0x20,
  bar0: 0x24,
  migrationStateArray: 0x3c,
} as const

export const sriovBarCount = 6

export const SriovCapabilities = register('PCI_SRIOV_CAP', 32, {
  vfMigration: [0],
  ariHierarchyPreserved: [1],
  tag10BitRequester: [2],
  interruptMessage: [31, 21],
})
export const SriovControl = register('PCI_SRIOV_CTRL', 16, {
  vfEnable: [0],
  vfMigration: [1],
  vfMigrationInterrupt: [2],
  vfMemorySpace: [3],
  ariHierarchy: [4],
  tag10BitRequester: [5],
})
export const SriovStatus = register('PCI_SRIOV_STATUS', 16, { vfMigration: [0] })
export const InitialVfs = register('PCI_SRIOV_INITIAL_VF', 16, { count: [15, 0] })
export const TotalVfs = register('PCI_SRIOV_TOTAL_VF', 16, { count: [15, 0] })
export const NumVfs = register('PCI_SRIOV_NUM_VF', 16, { count: [15, 0] })
export const FunctionDependencyLink = register('PCI_SRIOV_FUNC_LINK', 8, { link: [7, 0] })
export const FirstVfOffset = register('PCI_SRIOV_VF_OFFSET', 16, { offset: [15, 0] })
export const VfStride = register('PCI_SRIOV_VF_STRIDE', 16, { stride: [15, 0] })
export const VfDeviceId = register('PCI_SRIOV_VF_DID', 16, { id: [15, 0] })
export const SupportedPageSizes = register('PCI_SRIOV_SUP_PGSIZE', 32, { sizes: [31, 0] })
export const SystemPageSize = register('PCI_SRIOV_SYS_PGSIZE', 32, { size: [31, 0] })
export const VfBar = register('PCI_SRIOV_BAR', 32, { io: [0], type: [2, 1], prefetchable: [3], base: [31, 4] })
export const VfMigrationStateArray = register('PCI_SRIOV_VFM', 32, { bar: [2, 0], offset: [31, 3] })

export const singleRootIov: CapabilityDefinition = {
  id: extendedCapabilityId.sriov,
  name: 'Single Root I/O Virtualization',
  length: 0x40,
  registers: [
    { at: sriovOffset.capabilities, register: SriovCapabilities },
    { at: sriovOffset.control, register: SriovControl },
    { at: sriovOffset.status, register: SriovStatus },
    { at: sriovOffset.initialVfs, register: InitialVfs },
    { at: sriovOffset.totalVfs, register: TotalVfs },
    { at: sriovOffset.numVfs, register: NumVfs },
    { at: sriovOffset.functionDependencyLink, register: FunctionDependencyLink },
    { at: sriovOffset.firstVfOffset, register: FirstVfOffset },
    { at: sriovOffset.vfStride, register: VfStride },
    { at: sriovOffset.vfDeviceId, register: VfDeviceId },
    { at: sriovOffset.supportedPageSizes, register: SupportedPageSizes },
    { at: sriovOffset.systemPageSize, register: SystemPageSize },
    { at: sriovOffset.bar0, register: VfBar, repeat: { count: () => sriovBarCount, stride: 4 } },
    { at: sriovOffset.migrationStateArray, register: VfMigrationStateArray },
  ],
}
