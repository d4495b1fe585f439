// A message that is refused: what was wrong with it, and how the reference, libvfio-user, answers it.
import { type MessageHeader, messageType } from './header.js'
import type { Problem, ProblemReason } from './problem.js'

export interface Rejection {
  readonly kind: 'rejected'
  /** Of the header: whose request is to be answered, or whose reply was of no use. */
  readonly id: number
  /** Of the header, whether there is such a command or not. */
  readonly command: number
  readonly of: 'request' | 'reply'
  readonly reason: ProblemReason
  readonly detail: string
  readonly errno: number
  /** An error reply is due. An error is never answered, or two peers would answer each other for ever. */
  readonly answer: boolean
  /** Nothing that follows on this connection can be understood: answer, and close it. */
  readonly fatal: boolean
}

/** `negotiated`: VERSION is behind us. The reference gives up a connection whose VERSION fails. */
export function reject(header: MessageHeader, problem: Problem, negotiated: boolean): Rejection {
  const isReply = header.type === messageType.reply
  return {
    kind: 'rejected',
    id: header.id,
    command: header.command,
    of: isReply ? 'reply' : 'request',
    reason: problem.reason,
    detail: problem.detail,
    errno: problem.errno,
    answer: !isReply && !header.noReply && !header.error,
    fatal: problem.reason === 'size' || !negotiated,
  }
}
