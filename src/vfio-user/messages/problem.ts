// What is wrong with a message. A value and not an exception: a peer that sends nonsense is nothing unusual.
import { wireErrno } from './wire-errno.js'

/** Stable: programs and tests compare these, never the detail. */
export type ProblemReason =
  | 'size' //           the header's size is below a header, or above what was agreed on
  | 'type' //           neither a command nor a reply
  | 'command' //        no such command, or one that was not agreed on
  | 'direction' //      a command of the other side, or a reply to what was never asked
  | 'order' //          something before VERSION, or VERSION a second time
  | 'length' //         the payload is shorter or longer than it says
  | 'argsz'
  | 'flags'
  | 'count'
  | 'range' //          an address and a size that together leave 64 bits
  | 'index'
  | 'fds' //            too many file descriptors, or too few
  | 'feature'
  | 'version'
  | 'capabilities' //   the JSON of VERSION
  | 'mismatch' //       a reply that does not answer its request

export class Problem {
  readonly reason: ProblemReason
  /** For a log. Holds numbers only, never bytes of the peer's. */
  readonly detail: string
  /** The errno to answer with. */
  readonly errno: number

  constructor(reason: ProblemReason, detail: string, errno: number = wireErrno.EINVAL) {
    this.reason = reason
    this.detail = detail
    this.errno = errno
  }
}
