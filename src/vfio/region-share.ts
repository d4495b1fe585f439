// VFIO_DEVICE_FEATURE_DMA_BUF: a part of a BAR as a dma-buf, for the IOMMU of another device.
import { hex } from '../bits/hex.js'
import type { RegionArea, SharedArea } from '../function/region.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import { ioctlName, tryIoctl } from '../linux/ioctl.js'
import { systemCallError } from '../linux/system-call-error.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { DeviceFeature, FeatureDmaBuf, RegionDmaRange } from './abi/vfio-structs.js'
import type { DeviceGate } from './device-gate.js'

const readWrite = 0o2 //         O_RDWR
const closeOnExec = 0o2000000 // O_CLOEXEC

/** The bytes that ask for one area of a region as a dma-buf. */
export function encodeDmaBuf(region: number, area: RegionArea): Uint8Array {
  const argsz = DeviceFeature.size + FeatureDmaBuf.size + RegionDmaRange.size
  const flags = vfioConstant.VFIO_DEVICE_FEATURE_GET | vfioConstant.VFIO_DEVICE_FEATURE_DMA_BUF
  const bytes = DeviceFeature.encode({ argsz, flags }, new Uint8Array(argsz))
  FeatureDmaBuf.encode(
    { region_index: region, open_flags: readWrite | closeOnExec, flags: 0, nr_ranges: 1 },
    bytes,
    DeviceFeature.size,
  )
  return RegionDmaRange.encode(
    { offset: area.offset, length: area.size },
    bytes,
    DeviceFeature.size + FeatureDmaBuf.size,
  )
}

/** @throws QuiesceError `REGION_ACCESS` while the device is being reset, as `systemCallError` if the kernel refuses */
export function shareRegion(gate: DeviceGate, region: number, area: RegionArea): SharedArea {
  const action = `share region ${region} at ${hex(area.offset, 1)}`
  const fd = gate.enter(action, 'REGION_ACCESS')
  const command = vfioIoctl.VFIO_DEVICE_FEATURE
  const result = tryIoctl(fd, command, encodeDmaBuf(region, area))
  if (result.ok) return new FileDescriptor(result.value, `region ${region} of ${gate.address}`)
  throw systemCallError(
    { action: `${action} of ${gate.address}`, syscall: ioctlName(command), errno: result.errno },
    { device: gate.address, hint: 'Only whole pages of a BAR that the host itself can reach are shared' },
  )
}
