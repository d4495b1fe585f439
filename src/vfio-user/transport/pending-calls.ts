// Requests of this side that wait for their replies.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { CommandName, ReplyPayload } from '../messages/commands.js'
import { matchReply } from '../messages/match-reply.js'
import type { ErrorReply, Reply, ReplyMessage, Request } from '../messages/message.js'
import { Problem } from '../messages/problem.js'
import type { ArrivedFds } from './arrived-fds.js'

/** How a call ended: the reply, or the errno with which the other side refused. */
export type CallOutcome<N extends CommandName> =
  | { readonly ok: true; readonly payload: ReplyPayload<N>; readonly fds: ArrivedFds }
  | { readonly ok: false; readonly errno: number }

interface PendingCall {
  readonly request: Request
  settle(outcome: CallOutcome<CommandName>): void
  fail(error: QuiesceError): void
}

/** The room of `msg_id`. */
const mostIds = 1 << 16

export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>()
  #lastId = -1

  get size(): number {
    return this.#calls.size
  }

  /** A number that no call under way has. @throws QuiesceError `BUSY` if all are taken */
  nextId(): number {
    if (this.#calls.size >= mostIds) throw new QuiesceError('BUSY', 'Cannot send a request: too many wait for replies')
    do this.#lastId = (this.#lastId + 1) % mostIds
    while (this.#calls.has(this.#lastId))
    return this.#lastId
  }

  add<N extends CommandName>(
    request: Request,
    settle: (outcome: CallOutcome<N>) => void,
    fail: (error: QuiesceError) => void,
  ): void {
    // The reply is the one that the table declares for the command: `settle` checks it by `matchReply`.
    this.#calls.set(request.id, { request, settle: settle as PendingCall['settle'], fail })
  }

  /** A reply is there. What is wrong with it, or nothing; descriptors that came with it go to whoever called. */
  settle(reply: Reply | ErrorReply, fds: ArrivedFds): Problem | undefined {
    const call = this.#calls.get(reply.id)
    if (call === undefined) return new Problem('mismatch', `a reply to ${reply.id}, which nobody waits for`)
    this.#calls.delete(reply.id)
    const problem = matchReply(call.request, reply)
    if (problem !== undefined) {
      call.fail(brokenReply(call.request, problem.detail))
      return problem
    }
    if (reply.kind === 'error') call.settle({ ok: false, errno: reply.errno })
    else call.settle({ ok: true, payload: (reply as ReplyMessage<CommandName>).payload, fds })
    return undefined
  }

  /** The reply to this one cannot be understood. */
  refuse(id: number, detail: string): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    call?.fail(brokenReply(call.request, detail))
  }

  /** Nobody will answer any more. */
  failAll(reason: string): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    for (const { request, fail } of calls) {
      fail(new QuiesceError('CLOSED', `Cannot finish ${request.command}: ${reason}`))
    }
  }
}

function brokenReply(request: Request, detail: string): QuiesceError {
  return new QuiesceError('PROTOCOL', `Cannot use the reply to ${request.command}: ${detail}`)
}
