// What the client reports, as JSON.

export const roundTrips = {
  'C echo': 'bare',
  'blocking echo': 'bare',
  'event-loop echo': 'bare',
  REGION_READ: 'server',
  REGION_WRITE: 'server',
  'REGION_READ, our client': 'server',
  'REGION_WRITE, our client': 'server',
} as const
export type RoundTrip = keyof typeof roundTrips

export interface VfioUserSamples {
  /** Microseconds of each round trip. */
  readonly small: Readonly<Partial<Record<RoundTrip, readonly number[]>>>
  /** Microseconds of each message of a MiB. */
  readonly large: Readonly<Record<'bare read' | 'bare write' | 'REGION_READ' | 'REGION_WRITE', readonly number[]>>
  readonly dma: Readonly<Record<'bare, with a file' | 'DMA_MAP' | 'bare' | 'DMA_UNMAP', readonly number[]>>
}
