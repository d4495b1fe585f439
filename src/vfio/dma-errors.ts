// Why VFIO_IOMMU_MAP_DMA refuses.
import { hex } from '../bits/hex.js'
import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import { errnoName } from '../linux/errno.js'
import { systemCallError } from '../linux/system-call-error.js'

interface Wanted {
  readonly iova: bigint
  readonly size: bigint
  readonly owner: string
}

const codes: Readonly<Record<string, { readonly code: ErrorCode; readonly hint: string }>> = {
  EEXIST: { code: 'DMA_CONFLICT', hint: 'Unmap the range that overlaps first' },
  ENOSPC: {
    code: 'SYSTEM',
    hint: 'Map fewer, larger ranges, or raise dma_entry_limit of the module vfio_iommu_type1',
  },
}

/** The error for a refused mapping; where pinning is the problem it what is needed and the `limit`. */
export function mapError(wanted: Wanted, syscall: string, errno: number, limit: bigint | undefined): QuiesceError {
  const { iova, size, owner } = wanted
  const action = `map ${size} bytes at IOVA ${hex(iova, 1)} for ${owner}`
  const name = errnoName(errno)
  if (name !== 'ENOMEM' || limit === undefined) {
    return systemCallError({ action, syscall, errno }, { device: owner, ...codes[name] })
  }
  return new QuiesceError(
    'MEMLOCK',
    `Cannot ${action}: the memory must be pinned, and this process may pin ${limit} bytes in all`,
    {
      device: owner,
      syscall,
      errno,
      errnoName: name,
      hint: `Raise the limit to at least ${size} bytes more than is pinned now: ulimit -l, or LimitMEMLOCK= of a systemd unit`,
    },
  )
}
