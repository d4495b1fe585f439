// From bytes to a message. Never throws and never reads beyond the bytes: whatever is wrong becomes a Rejection.
import { type CommandDefinition, type CommandName, commandName, definitionOf, type Side } from './commands.js'
import { decodeHeader, Header, type MessageHeader, messageType } from './header.js'
import { limitsBeforeVersion } from './limits.js'
import type { Message } from './message.js'
import type { FdRule, Payload } from './payload.js'
import { Problem } from './problem.js'
import { decodeQuickly } from './quick-access.js'
import { type Rejection, reject } from './rejection.js'
import type { Terms } from './terms.js'
import { errnoOfReply } from './wire-errno.js'

/** A message's bytes, and the descriptors that came with it. */
export interface ArrivedMessage {
  /** The whole message and nothing else. */
  readonly bytes: Uint8Array
  readonly fds: readonly number[]
  /** More came than could be taken. */
  readonly fdsLost: boolean
}

/** Who decodes. */
export interface Receiver {
  readonly side: Side
  /** `undefined` until VERSION was answered. */
  readonly terms: Terms | undefined
}

const tooShort: MessageHeader = { id: 0, command: 0, size: 0, type: 0, noReply: true, error: false, errno: 0 }

/** Whether this side may be sent this command, or this reply, now. */
function admit(
  name: CommandName,
  definition: CommandDefinition<object, object>,
  header: MessageHeader,
  { side, terms }: Receiver,
): Problem | undefined {
  if (name === 'VERSION' && terms !== undefined) return new Problem('order', 'VERSION a second time')
  if (name !== 'VERSION' && terms === undefined) return new Problem('order', `${name} before VERSION`)
  const asks = definition.sender === side
  if (asks !== (header.type === messageType.reply)) {
    return new Problem('direction', asks ? `${name} is for the other side` : `a reply to ${name}, which was never sent`)
  }
  if (definition.needs !== undefined && terms?.[definition.needs] !== true) {
    return new Problem('command', `${name} was not agreed on`)
  }
  return undefined
}

function fdProblem({ fds, fdsLost }: ArrivedMessage, rule: FdRule, most: number): Problem | undefined {
  if (fdsLost || fds.length > most) return new Problem('fds', `more than ${most} fds`)
  const max = rule.max === 'max_msg_fds' ? most : rule.max
  return rule.spare === 'refused' && fds.length > max
    ? new Problem('fds', `${fds.length} fds, at most ${max}`)
    : undefined
}

function decodePayload(arrived: ArrivedMessage, payload: Payload<object>, receiver: Receiver): object | Problem {
  const limits = receiver.terms ?? limitsBeforeVersion
  const problem = fdProblem(arrived, payload.fds, limits.maxMessageFds)
  if (problem !== undefined) return problem
  const bytes = arrived.bytes.subarray(Header.size)
  if (bytes.byteLength < payload.minLength) {
    return new Problem('length', `${bytes.byteLength} bytes of ${payload.layout?.name}`)
  }
  return payload.read(bytes, { length: bytes.byteLength, fds: arrived.fds.length, limits })
}

function decode(arrived: ArrivedMessage, header: MessageHeader, receiver: Receiver): Message | Problem {
  const { bytes, fds } = arrived
  if (header.size !== bytes.byteLength)
    return new Problem('size', `size is ${header.size}, of ${bytes.byteLength} bytes`)
  if (header.type !== messageType.command && header.type !== messageType.reply) {
    return new Problem('type', `type is ${header.type}`)
  }
  const name = commandName(header.command)
  if (name === undefined) return new Problem('command', `no command ${header.command}`)
  const definition = definitionOf(name)
  const problem = admit(name, definition, header, receiver)
  if (problem !== undefined) return problem

  const { id, noReply } = header
  const isReply = header.type === messageType.reply
  if (isReply && header.error) return { kind: 'error', id, command: name, errno: errnoOfReply(header.errno) }
  const payload = isReply ? definition.reply : definition.request
  const value = decodePayload(arrived, payload, receiver)
  if (value instanceof Problem) return value
  const meant = Math.min(fds.length, payload.fds.max === 'max_msg_fds' ? fds.length : payload.fds.max)
  const common = { id, command: name, fds: meant, payload: value }
  // The payload is the one that the table declares for the command; TypeScript cannot follow that through the lookup.
  return (isReply ? { kind: 'reply', ...common } : { kind: 'request', noReply, ...common }) as Message
}

/** Decodes one message, as the given side receives it. Data in it are views of `arrived.bytes`. */
export function decodeMessage(arrived: ArrivedMessage, receiver: Receiver): Message | Rejection {
  const quick = decodeQuickly(arrived, receiver)
  if (quick !== undefined) return quick
  const negotiated = receiver.terms !== undefined
  if (arrived.bytes.byteLength < Header.size) {
    return reject(tooShort, new Problem('size', `${arrived.bytes.byteLength} bytes of header`), negotiated)
  }
  const header = decodeHeader(arrived.bytes)
  const message = decode(arrived, header, receiver)
  return message instanceof Problem ? reject(header, message, negotiated) : message
}
