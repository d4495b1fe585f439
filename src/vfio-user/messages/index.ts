// The vfio-user protocol as data, and its codec. Pure: no sockets, no files; it runs anywhere.
export { type Capabilities, formatCapabilities, parseCapabilities } from './capabilities.js'
export {
  type CommandDefinition,
  type CommandName,
  commandName,
  commandNames,
  commands,
  type ReplyPayload,
  type RequestPayload,
  type Side,
} from './commands.js'
export { type ArrivedMessage, decodeMessage, type Receiver } from './decode-message.js'
export { encodeMessage, encodeRejection, messageSize } from './encode-message.js'
export {
  DeviceFeatureFlags,
  DeviceInfoFlags,
  DmaMapFlags,
  DmaUnmapFlags,
  IrqInfoFlags,
  IrqSetFlags,
  RegionInfoFlags,
} from './flags.js'
export { decodeHeader, encodeHeader, Header, HeaderFlags, type MessageHeader, messageType } from './header.js'
export { defaultCapabilities, type Limits, limitsBeforeVersion, maxMessageSize, maxVersionData } from './limits.js'
export { matchReply } from './match-reply.js'
export type { ErrorReply, Message, Reply, ReplyMessage, Request, RequestMessage } from './message.js'
export { MessageSplitter, type Piece } from './message-splitter.js'
export {
  acceptVersion,
  answerVersion,
  type Offer,
  proposeVersion,
  protocolVersion,
  type ServerAgreement,
} from './negotiate.js'
export { deviceFeatures, dirtyBitmapBytes, type FeatureDefinition } from './payloads/feature-table.js'
export { irqIndex } from './payloads/set-irqs.js'
export { Problem, type ProblemReason } from './problem.js'
export {
  type MappableArea,
  mappableAreas,
  type RegionDescription,
  type RegionInfoReply,
  regionInfoReply,
} from './region-areas.js'
export type { Rejection } from './rejection.js'
export type { Terms } from './terms.js'
export { errnoOfReply, wireErrno } from './wire-errno.js'
