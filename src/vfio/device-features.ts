// VFIO_DEVICE_FEATURE: what a kernel and a device can do beyond the basics, asked for without doing it.
import type { IoctlResult } from '../linux/ioctl.js'
import { vfioConstant } from './abi/constants.js'
import { DeviceFeature } from './abi/vfio-structs.js'

/** The name of a feature as the kernel's header has it, without its prefix, and its number. */
export const deviceFeature = {
  PCI_VF_TOKEN: vfioConstant.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
  MIGRATION: vfioConstant.VFIO_DEVICE_FEATURE_MIGRATION,
  MIG_DEVICE_STATE: vfioConstant.VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
  LOW_POWER_ENTRY: vfioConstant.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
  LOW_POWER_ENTRY_WITH_WAKEUP: vfioConstant.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
  LOW_POWER_EXIT: vfioConstant.VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
  DMA_LOGGING_START: vfioConstant.VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
  DMA_LOGGING_STOP: vfioConstant.VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
  DMA_LOGGING_REPORT: vfioConstant.VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
  MIG_DATA_SIZE: vfioConstant.VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
  BUS_MASTER: vfioConstant.VFIO_DEVICE_FEATURE_BUS_MASTER,
  DMA_BUF: vfioConstant.VFIO_DEVICE_FEATURE_DMA_BUF,
} as const

export type DeviceFeatureName = keyof typeof deviceFeature

export interface SupportedFeature {
  readonly name: DeviceFeatureName
  readonly get: boolean
  readonly set: boolean
}

/** Whether the device can do one operation of a feature. Changes nothing. */
export function hasFeature(
  call: (bytes: Uint8Array) => IoctlResult,
  name: DeviceFeatureName,
  operation: 'get' | 'set',
): boolean {
  const flag = operation === 'get' ? vfioConstant.VFIO_DEVICE_FEATURE_GET : vfioConstant.VFIO_DEVICE_FEATURE_SET
  const flags = vfioConstant.VFIO_DEVICE_FEATURE_PROBE | flag | deviceFeature[name]
  return call(DeviceFeature.encode({ argsz: DeviceFeature.size, flags })).ok
}

/** The features that the device has. `call` carries out the ioctl; PROBE changes nothing. */
export function probeFeatures(call: (bytes: Uint8Array) => IoctlResult): SupportedFeature[] {
  return (Object.keys(deviceFeature) as DeviceFeatureName[])
    .map((name) => ({ name, get: hasFeature(call, name, 'get'), set: hasFeature(call, name, 'set') }))
    .filter((feature) => feature.get || feature.set)
}
