// How each kind of memory is brought before the IOMMU.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { DmaBacking, DmaMemory } from '../function/dma.js'
import { errnoName } from '../linux/errno.js'
import { FileMemory } from '../linux/file-memory.js'
import type { Iommu, IommuRequest, IommuResult } from './iommu.js'

interface Wanted extends IommuRequest {
  readonly owner: string
}

export type Placed =
  /** `held` is to be disposed after the mapping has ended. */
  { readonly ok: true; readonly held: Disposable | undefined } | Extract<IommuResult, { ok: false }>

const place = (result: IommuResult, held?: Disposable): Placed => (result.ok ? { ok: true, held } : result)

/** @throws QuiesceError `USAGE` if the range does not lie inside the memory */
function addressInside(wanted: Wanted, memory: DmaMemory, offset: bigint): bigint {
  const { owner, size } = wanted
  const refuse = (detail: string) =>
    new QuiesceError('USAGE', `Cannot map memory for ${owner}: ${detail}`, { device: owner })
  const room = BigInt(memory.bytes.byteLength)
  if (memory.address === 0n) throw refuse('it has no address in this process')
  if (offset < 0n || offset + size > room) throw refuse(`${size} bytes from ${offset} on are not inside its ${room}`)
  return memory.address + offset
}

/** Memory of this process, which the caller keeps where it is. */
export function mapHere(
  iommu: Iommu,
  wanted: Wanted,
  backing: Extract<DmaBacking, { memory: DmaMemory } | { hostAddress: bigint }>,
): Placed {
  const address = 'memory' in backing ? addressInside(wanted, backing.memory, backing.offset) : backing.hostAddress
  return place(iommu.mapMemory(wanted, address))
}

/** What iommufd says of a file that is neither a memfd nor hugetlbfs, and that pinning through a mapping may still take. */
const notOfThisKind: ReadonlySet<string> = new Set(['EINVAL', 'EOPNOTSUPP', 'EBADF', 'ENOTTY'])

/** A file: by itself where the kernel takes it, else through a mapping of it in this process. */
export function mapOpenFile(iommu: Iommu, wanted: Wanted, fd: number, offset: bigint): Placed {
  const direct = iommu.mapFile?.(wanted, fd, offset)
  if (direct !== undefined && (direct.ok || !notOfThisKind.has(errnoName(direct.errno)))) return place(direct)
  const memory = new FileMemory(fd, offset, wanted.size, wanted.access === 'read' ? 'read' : 'read-write')
  const placed = place(iommu.mapMemory(wanted, memory.address), memory)
  if (!placed.ok) memory[Symbol.dispose]()
  return placed
}

/** A part of another device. */
export function mapDmabuf(iommu: Iommu, wanted: Wanted, fd: number, offset: bigint): Placed {
  const result = iommu.mapFile?.(wanted, fd, offset)
  if (result !== undefined && (result.ok || !notOfThisKind.has(errnoName(result.errno)))) return place(result)
  const { owner } = wanted
  const detail =
    result === undefined
      ? 'the IOMMU takes no dma-buf here'
      : `the kernel takes no such one (${errnoName(result.errno)})`
  throw new QuiesceError('UNSUPPORTED', `Cannot map a dma-buf for ${owner}: ${detail}`, {
    device: owner,
    hint: 'It takes iommufd (backend cdev), Linux 6.19 or newer, and a dma-buf of a VFIO device',
  })
}
