// What lies in memory and in registers (NVM Express Base 1.4: 3.1, 4.2, 4.6).
import { register } from '../../src/bits/register.js'
import { struct } from '../../src/bits/struct.js'

export const pageSize = 4096

/** CC (3.1.5). */
export const Configuration = register('NVME_CC', 32, {
  enable: [0],
  commandSet: [6, 4],
  memoryPageSize: [10, 7],
  arbitration: [13, 11],
  shutdown: [15, 14],
  submissionEntrySize: [19, 16],
  completionEntrySize: [23, 20],
})

/** CSTS (3.1.6). */
export const ControllerStatus = register('NVME_CSTS', 32, { ready: [0], fatal: [1], shutdown: [3, 2] })
export const shutdownStatus = { none: 0, processing: 1, complete: 2 } as const

/** AQA (3.1.8); sizes are 0-based. */
export const AdminQueueAttributes = register('NVME_AQA', 32, { submission: [11, 0], completion: [27, 16] })

/** CAP (3.1.1), low and high half. Only pages of 4 KiB and contiguous queues. */
export const CapabilitiesLow = register('NVME_CAP_LO', 32, {
  queueEntries: [15, 0],
  contiguous: [16],
  timeout: [31, 24],
})
export const CapabilitiesHigh = register('NVME_CAP_HI', 32, { doorbellStride: [3, 0], nvmCommands: [5] })

/** A command (4.2). `prp1` and `prp2` say where its data is. */
export const Submission = struct('nvme_command', {
  opcode: 'u8',
  flags: 'u8',
  commandId: 'u16',
  namespaceId: 'u32',
  dword2: 'u32',
  dword3: 'u32',
  metadata: 'u64',
  prp1: 'u64',
  prp2: 'u64',
  dword10: 'u32',
  dword11: 'u32',
  dword12: 'u32',
  dword13: 'u32',
  dword14: 'u32',
  dword15: 'u32',
})
export type Command = ReturnType<typeof Submission.decode>

/** A completion (4.6); the phase is bit 0 of `status`. */
export const Completion = struct('nvme_completion', {
  result: 'u32',
  reserved: 'u32',
  submissionHead: 'u16',
  submissionQueue: 'u16',
  commandId: 'u16',
  status: 'u16',
})

/** A range of Dataset Management (NVM Command Set 6.7). */
export const DatasetRange = struct('nvme_dsm_range', { attributes: 'u32', blocks: 'u32', start: 'u64' })

/** Status codes with their type in bits 8 and up (4.6.1). */
export const status = {
  success: 0x000,
  invalidOpcode: 0x001,
  invalidField: 0x002,
  dataTransferError: 0x004,
  internalError: 0x006,
  abortRequested: 0x007,
  invalidNamespace: 0x00b,
  commandSequence: 0x00c,
  invalidPrpOffset: 0x013,
  lbaOutOfRange: 0x080,
  completionQueueInvalid: 0x100,
  invalidQueueId: 0x101,
  invalidQueueSize: 0x102,
  asyncEventLimit: 0x105,
  invalidInterruptVector: 0x108,
  invalidLogPage: 0x109,
  invalidQueueDeletion: 0x10c,
  featureNotSaveable: 0x10d,
  writeFault: 0x280,
  unrecoveredRead: 0x281,
} as const
export type Status = (typeof status)[keyof typeof status]

/** How a command ended: with a status, and what stands in dword 0 of its completion. */
export interface Outcome {
  readonly status: Status
  readonly result?: number
}
export const done: Outcome = { status: status.success }

export const adminOpcode = {
  deleteSubmissionQueue: 0x00,
  createSubmissionQueue: 0x01,
  getLogPage: 0x02,
  deleteCompletionQueue: 0x04,
  createCompletionQueue: 0x05,
  identify: 0x06,
  abort: 0x08,
  setFeatures: 0x09,
  getFeatures: 0x0a,
  asyncEventRequest: 0x0c,
} as const

export const ioOpcode = { flush: 0x00, write: 0x01, read: 0x02, writeZeroes: 0x08, datasetManagement: 0x09 } as const
