// A message in its decoded form: what kind, which command, and its payload as that command declares it.
import type { CommandName, ReplyPayload, RequestPayload } from './commands.js'

interface Common<N> {
  /** The number by which a reply finds its request; the sender's own. */
  readonly id: number
  readonly command: N
  /** How many of the descriptors that came with it have a meaning: the first ones. Close the others. */
  readonly fds: number
}

export interface RequestMessage<N extends CommandName> extends Common<N> {
  readonly kind: 'request'
  /** No reply is wanted, not even of an error: a posted write. */
  readonly noReply: boolean
  readonly payload: RequestPayload<N>
}

export interface ReplyMessage<N extends CommandName> extends Common<N> {
  readonly kind: 'reply'
  readonly payload: ReplyPayload<N>
}

/** The command failed. The header alone. */
export interface ErrorReply {
  readonly kind: 'error'
  readonly id: number
  readonly command: CommandName
  readonly errno: number
}

export type Request = { [N in CommandName]: RequestMessage<N> }[CommandName]
export type Reply = { [N in CommandName]: ReplyMessage<N> }[CommandName]
export type Message = Request | Reply | ErrorReply
