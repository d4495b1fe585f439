// Whether a reply answers a request: what it must repeat, and what it may at most return, is in the table of commands.
import { definitionOf } from './commands.js'
import { messageSize } from './encode-message.js'
import { Header } from './header.js'
import type { ErrorReply, Reply, Request } from './message.js'
import { Problem } from './problem.js'

type Fields = Readonly<Record<string, number | bigint>>

/** What is wrong with `reply` as the answer to `request`, or nothing. An error answers whatever has its id. */
export function matchReply(request: Request, reply: Reply | ErrorReply): Problem | undefined {
  if (reply.id !== request.id) return new Problem('mismatch', `id ${reply.id} instead of ${request.id}`)
  if (reply.command !== request.command) {
    return new Problem('mismatch', `${reply.command} instead of ${request.command}`)
  }
  if (reply.kind === 'error') return undefined
  const { same, atMost, withinArgsz } = definitionOf(request.command)
  const asked = request.payload as Fields
  const answered = reply.payload as Fields
  for (const field of same as readonly string[]) {
    if (asked[field] !== answered[field]) {
      return new Problem('mismatch', `${field} is ${answered[field]} instead of ${asked[field]}`)
    }
  }
  for (const field of atMost as readonly string[]) {
    if (Number(answered[field]) > Number(asked[field])) {
      return new Problem('mismatch', `${field} is ${answered[field]}, at most ${asked[field]}`)
    }
  }
  const length = messageSize(reply) - Header.size
  return withinArgsz && length > Number(asked['argsz'])
    ? new Problem('mismatch', `${length} bytes, at most ${asked['argsz']}`)
    : undefined
}
