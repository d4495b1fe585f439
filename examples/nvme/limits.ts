/** What this controller offers; everything that a host can ask for is bounded by it. */
export const limits = {
  /** Entries of a queue. */
  queueEntries: 1024,
  /** Queues for input and output, beside the admin queue. */
  ioQueues: 32,
  /** MSI-X vectors: one for each completion queue. */
  vectors: 33,
  /** MDTS: a transfer is at most 2^7 pages, 512 KiB. */
  transferShift: 7,
  transferBytes: 4096 << 7,
  /** Commands that are carried out at once; further ones stay in their queues. */
  commandsInFlight: 64,
  /** Asynchronous Event Requests that are kept. */
  asyncEvents: 4,
  blockSize: 512,
} as const

export const identity = {
  vendorId: 0x1b36,
  model: 'Quiesce example disk',
  firmware: '1.0',
  /** 1.4. */
  version: 0x0001_0400,
} as const
