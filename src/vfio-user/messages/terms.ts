// What both sides agreed on with VERSION.
import type { Limits } from './limits.js'

export interface Terms extends Limits {
  readonly minor: number
  /** Most descriptors that the peer takes in one message. */
  readonly peerMaxMessageFds: number
  readonly maxDmaMaps: number
  /** Page sizes for DMA_MAP, or'ed together. */
  readonly pageSizes: bigint
  /** REGION_WRITE_MULTI may be sent. */
  readonly writeMultiple: boolean
  /** The page size of the dirty bitmaps, where both sides can migrate. */
  readonly migration: { readonly pageSize: number } | undefined
}
