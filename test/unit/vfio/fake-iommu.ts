import type { Iommu, IommuRange, IommuResult } from '../../../src/vfio/iommu.js'

export interface FakeIommuOptions {
  /** What mapping a file by itself is answered; it cannot be asked for, if not given. */
  readonly mapFile?: number
  /** What mapping memory is answered: an errno, or 0. */
  readonly mapMemory?: number
  readonly canUnmapAll?: boolean
}

/** An IOMMU that writes down what it is told, and refuses as it is told. */
export class FakeIommu implements Iommu {
  readonly calls: string[] = []
  /** IOVAs whose unmapping fails. */
  readonly stuck = new Set<bigint>()
  mappingsLeft: number | undefined
  last = 0xffff_ffffn
  readonly mapFile: Iommu['mapFile']
  readonly unmapAll: Iommu['unmapAll']
  readonly #mapMemory: number

  constructor({ mapFile, mapMemory = 0, canUnmapAll = true }: FakeIommuOptions = {}) {
    this.#mapMemory = mapMemory
    this.mapFile =
      mapFile === undefined
        ? undefined
        : ({ iova }, fd, offset) => this.#answer(`map file ${fd}+${offset} at ${iova}`, mapFile)
    this.unmapAll = canUnmapAll
      ? () => {
          this.calls.push('unmap all')
          return { ok: true, value: 0 }
        }
      : undefined
  }

  readLimits() {
    this.calls.push('limits')
    return { pageSize: 0x1000n, apertures: [{ first: 0n, last: this.last }] }
  }

  readMappingsLeft(): number | undefined {
    return this.mappingsLeft
  }

  mapMemory({ iova, size, access }: Parameters<Iommu['mapMemory']>[0], address: bigint): IommuResult {
    const where = address < 0x1_0000n ? address : 'memory'
    return this.#answer(`map ${where} (${size}) at ${iova} to ${access}`, this.#mapMemory)
  }

  unmap({ iova }: IommuRange): IommuResult {
    return this.#answer(`unmap ${iova}`, this.stuck.has(iova) ? 5 : 0)
  }

  #answer(call: string, errno: number): IommuResult {
    this.calls.push(call)
    return errno === 0 ? { ok: true } : { ok: false, errno, syscall: 'ioctl(FAKE)' }
  }

  /** What it was told since the last time, without questions about its limits. */
  take(): string[] {
    return this.calls.splice(0).filter((call) => call !== 'limits')
  }
}
