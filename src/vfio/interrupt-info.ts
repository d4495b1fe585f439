import { type InterruptInfo, type InterruptKind, interruptKinds } from '../function/interrupts.js'
import { tryIoctl } from '../linux/ioctl.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { IrqInfo } from './abi/vfio-structs.js'

export type InterruptInfos = Readonly<Record<InterruptKind, InterruptInfo>>

function readInfo(fd: number, kind: InterruptKind): InterruptInfo {
  const bytes = IrqInfo.encode({ argsz: IrqInfo.size, index: interruptKinds.indexOf(kind) })
  // EINVAL: the function has no such interrupt (ERR and REQ, on some).
  if (!tryIoctl(fd, vfioIoctl.VFIO_DEVICE_GET_IRQ_INFO, bytes).ok) {
    return { count: 0, maskable: false, automasked: false, fixedSize: false }
  }
  const { flags, count } = IrqInfo.decode(bytes)
  return {
    count,
    maskable: (flags & vfioConstant.VFIO_IRQ_INFO_MASKABLE) !== 0,
    automasked: (flags & vfioConstant.VFIO_IRQ_INFO_AUTOMASKED) !== 0,
    fixedSize: (flags & vfioConstant.VFIO_IRQ_INFO_NORESIZE) !== 0,
  }
}

/** What interrupts the device at `fd` has. It never changes, so that it is read once, while nothing resets the device. */
export function readInterruptInfos(fd: number): InterruptInfos {
  return {
    intx: readInfo(fd, 'intx'),
    msi: readInfo(fd, 'msi'),
    msix: readInfo(fd, 'msix'),
    err: readInfo(fd, 'err'),
    req: readInfo(fd, 'req'),
  }
}
