// What a peer may send: bounds on every allocation that a message can cause.
import { Header } from './header.js'
import { RegionAccess, Version } from './structs.js'

/** Where neither side says otherwise: specification, "VFIO_USER_VERSION". */
export const defaultCapabilities = {
  maxMessageFds: 1,
  maxDataTransfer: 1024 * 1024,
  maxDmaMaps: 65535,
  pageSizes: 4096n,
} as const

export interface Limits {
  /** Most bytes of data in one message. */
  readonly maxDataTransfer: number
  /** Most file descriptors that may arrive with one message. */
  readonly maxMessageFds: number
}

/** The JSON of VERSION, its NUL included. QEMU's takes 194 bytes; whoever sends more has something else in mind. */
export const maxVersionData = 4096

/** Before anything was agreed on: a VERSION and nothing else. A reply to it may come with the twin socket's fd. */
export const limitsBeforeVersion: Limits = { maxDataTransfer: 0, maxMessageFds: 1 }

/** The least that a message may carry beside its data, whatever was agreed on: every struct and list fits. */
const leastRoom = 4096

/** The longest message: a write of as much as was agreed on, or a VERSION while nothing was. */
export function maxMessageSize(limits: Limits | undefined): number {
  return limits === undefined
    ? Header.size + Version.size + maxVersionData
    : Header.size + RegionAccess.size + Math.max(limits.maxDataTransfer, leastRoom)
}
