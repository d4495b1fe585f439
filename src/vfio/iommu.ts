// What the kernel's two IOMMU interfaces have in common: a type1 container, and an IOAS of iommufd.
import type { DmaAccess } from '../function/dma.js'
import type { IoctlResult } from '../linux/ioctl.js'

export interface IommuLimits {
  /** The smallest page that the IOMMU maps, in bytes. */
  readonly pageSize: bigint
  readonly apertures: readonly { readonly first: bigint; readonly last: bigint }[]
}

export interface IommuRange {
  readonly iova: bigint
  readonly size: bigint
}

export interface IommuRequest extends IommuRange {
  readonly access: DmaAccess
}

/** A refusal, with the system call that it comes from. */
export type IommuResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly errno: number; readonly syscall: string }

/** One IOMMU address space of the kernel's. */
export interface Iommu {
  /** Asks the kernel, which narrows them with each device that joins. */
  readLimits(): IommuLimits
  /** How many more mappings it takes; `undefined` where nothing limits them, or the kernel does not say. */
  readMappingsLeft(): number | undefined
  /** Maps memory of this process. */
  mapMemory(request: IommuRequest, address: bigint): IommuResult
  /** Maps a part of a file without mapping it here; undefined where the kernel cannot. */
  readonly mapFile: ((request: IommuRequest, fd: number, offset: bigint) => IommuResult) | undefined
  /** Ends one mapping, given exactly. */
  unmap(range: IommuRange): IommuResult
  /** Ends all of them at once; undefined where the kernel cannot. */
  readonly unmapAll: (() => IoctlResult) | undefined
}
