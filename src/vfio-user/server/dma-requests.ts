// DMA_MAP and DMA_UNMAP.
import type { DmaAccess } from '../../function/dma.js'
import type { RequestPayload } from '../messages/commands.js'
import { DmaMapFlags, DmaUnmapFlags } from '../messages/flags.js'
import { dirtyBitmapBytes } from '../messages/payloads/feature-table.js'
import { isPowerOfTwo } from '../messages/rules.js'
import { DmaUnmap } from '../messages/structs.js'
import type { ArrivedFds } from '../transport/arrived-fds.js'
import { type Answer, done, refusalOf, refuse } from './answer.js'
import { MappedClientMemory } from './client-mapping.js'
import type { Session } from './session.js'

function accessOf(read: boolean, write: boolean): DmaAccess {
  if (write) return read ? 'read-write' : 'write'
  return 'read'
}

export function mapMemory(
  { address, size, offset, flags }: RequestPayload<'DMA_MAP'>,
  { memory, device, channel }: Session,
  fds: ArrivedFds,
): Answer<'DMA_MAP'> | Promise<Answer<'DMA_MAP'>> {
  if (memory.overlapping(address, size).length > 0) {
    return refuse('EEXIST', `0x${address.toString(16)} and ${size} bytes are mapped already`)
  }
  if (memory.mappings.length >= (channel.terms?.maxDmaMaps ?? 0)) return refuse('ENOSPC', 'too many mappings')
  const { read, write, fileIo } = DmaMapFlags.decode(flags)
  const descriptor = fds.take(0)
  const file = descriptor === undefined ? undefined : memory.files.take(descriptor)
  const mapping = new MappedClientMemory({ address, size, access: accessOf(read, write), file, offset, fileIo })
  const refusal = (error: unknown): Answer<'DMA_MAP'> => {
    mapping[Symbol.dispose]()
    return refusalOf(error)
  }
  const added = (): Answer<'DMA_MAP'> => {
    memory.add(mapping)
    return done
  }
  try {
    mapping.probe()
    const later = device.mapMemory?.(mapping)
    return later === undefined ? added() : later.then(added, refusal)
  } catch (error) {
    return refusal(error)
  }
}

/**
 * Takes every whole mapping inside the range, none included, as type1v2 does: with a virtual IOMMU in front, QEMU unmaps
 * huge ranges in which there is nothing. It is an error only to cut one.
 */
export async function unmapMemory(
  { argsz, address, size, flags, bitmap }: RequestPayload<'DMA_UNMAP'>,
  session: Session,
): Promise<Answer<'DMA_UNMAP'>> {
  const { memory } = session
  const { all, dirtyBitmap } = DmaUnmapFlags.decode(flags)
  const inside = all ? memory.mappings : memory.overlapping(address, size)
  if (!all && inside.some((mapping) => mapping.address < address || mapping.end > address + size)) {
    return refuse('EINVAL', `0x${address.toString(16)} and ${size} bytes would cut a mapping in two`)
  }
  const dirty = dirtyBitmap ? readDirty(address, size, bitmap, session, inside.length) : undefined
  if (dirty !== undefined && 'ok' in dirty) return dirty
  for (const mapping of [...inside]) {
    try {
      await session.unmap(mapping)
    } catch (error) {
      return refusalOf(error)
    }
  }
  const payload = { argsz: dirty === undefined ? DmaUnmap.size : argsz, flags, address, size }
  return { ok: true, payload: dirty === undefined ? payload : { ...payload, bitmap: dirty } }
}

function readDirty(
  address: bigint,
  size: bigint,
  asked: RequestPayload<'DMA_UNMAP'>['bitmap'],
  { dirty }: Session,
  mappings: number,
): { readonly pgsize: bigint; readonly size: bigint; readonly data: Uint8Array } | ReturnType<typeof refuse> {
  if (asked === undefined || !isPowerOfTwo(asked.pgsize)) return refuse('EINVAL', 'no page size for the dirty bitmap')
  if (dirty.pageSize === undefined) return refuse('EINVAL', 'dirty pages are not logged')
  if (mappings === 0) return refuse('ENOENT', 'a dirty bitmap of what is not mapped')
  if (mappings > 1) return refuse('ENOTSUP', 'a dirty bitmap over several mappings')
  if (asked.size < dirtyBitmapBytes(size, asked.pgsize)) return refuse('EINVAL', 'the dirty bitmap has too little room')
  const data = dirty.report(address, size, asked.pgsize, new Uint8Array(Number(asked.size)))
  return { ...asked, data }
}
