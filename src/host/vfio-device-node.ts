import { pciDevicePath, readNames } from './sysfs-attribute.js'

/**
 * The file of a function's VFIO character device, `/dev/vfio/devices/vfio<N>`; `undefined` where no VFIO driver holds it,
 * or the kernel has no such files (before 6.6, or without CONFIG_VFIO_DEVICE_CDEV).
 */
export function readVfioDeviceNode(sysfsRoot: string, devRoot: string, address: string): string | undefined {
  const name = readNames(`${pciDevicePath(sysfsRoot, address)}/vfio-dev`).find((each) => /^vfio\d+$/.test(each))
  return name === undefined ? undefined : `${devRoot}/vfio/devices/${name}`
}
