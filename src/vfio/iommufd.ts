// /dev/iommu: the context that devices are bound to. Devices of one context may share an IOAS, and vouch for each other
// where the kernel asks whose a bus is.
import { errnoName } from '../linux/errno.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import { tryIoctl } from '../linux/ioctl.js'
import { iommufdIoctl } from './abi/ioctls.js'
import { IommuIoasMapFile } from './abi/iommufd-structs.js'
import { Ioas } from './ioas.js'
import { openFile } from './open-errors.js'
import type { VfioPaths } from './vfio-paths.js'

export class Iommufd implements Disposable {
  readonly ioases = new Set<Ioas>()
  /** How many devices are open in it, or are being opened. */
  users = 0
  readonly #file: FileDescriptor
  readonly #canMapFiles: boolean

  /** Takes over the file. */
  constructor(file: FileDescriptor) {
    this.#file = file
    // No flags are like these: a kernel that knows the call says EOPNOTSUPP, one that does not ENOTTY.
    const probe = IommuIoasMapFile.encode({ size: IommuIoasMapFile.size, flags: 0xffff_ffff, fd: -1 })
    const result = tryIoctl(file.fd, iommufdIoctl.IOMMU_IOAS_MAP_FILE, probe)
    this.#canMapFiles = !result.ok && errnoName(result.errno) !== 'ENOTTY'
  }

  static open(paths: VfioPaths, address: string): Iommufd {
    return new Iommufd(openFile(address, 'open-iommufd', `${paths.dev}/iommu`))
  }

  get fd(): number {
    return this.#file.fd
  }

  /** Makes an empty address space. */
  allocate(): Ioas {
    const ioas = new Ioas(this.#file, this.#canMapFiles)
    this.ioases.add(ioas)
    return ioas
  }

  destroy(ioas: Ioas): void {
    this.ioases.delete(ioas)
    ioas[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
  }
}
