// VERSION, from both sides: specification, "VFIO_USER_VERSION". The major is the same, the minor the smaller, every
// limit the smaller, and a capability is there if both sides have it.
import { type Capabilities, formatCapabilities, parseCapabilities } from './capabilities.js'
import type { ReplyPayload, RequestPayload } from './commands.js'
import { Header } from './header.js'
import { defaultCapabilities } from './limits.js'
import { Problem } from './problem.js'
import { Version } from './structs.js'
import type { Terms } from './terms.js'

/** The newest version that this codec speaks. */
export const protocolVersion = { major: 0, minor: 2 } as const

/** QEMU receives the reply in the room of its request, of this many bytes, and takes more for an attack. */
const qemuVersionSize = 214

/** QEMU refuses a server that takes more descriptors at once. */
const mostMessageFds = 16

/** The kernel passes no more at once (SCM_MAX_FD). */
const mostPassedFds = 253

const defaultMigrationPageSize = 4096

/** What this side can do. */
export interface Offer {
  readonly maxMessageFds: number
  readonly maxDataTransfer: number
  readonly maxDmaMaps: number
  readonly pageSizes: bigint
  readonly writeMultiple: boolean
  /** Dirty pages are counted in pages of this size; absent where the device cannot migrate. */
  readonly migrationPageSize?: number
}

export interface ServerAgreement {
  readonly reply: ReplyPayload<'VERSION'>
  readonly terms: Terms
}

/** What both sides can do. */
function common(offer: Offer, peer: Capabilities): Omit<Terms, 'minor' | 'maxMessageFds'> {
  const theirMigration = peer.migration
  const pageSize = offer.migrationPageSize
  return {
    peerMaxMessageFds: Math.min(peer.maxMessageFds ?? defaultCapabilities.maxMessageFds, mostPassedFds),
    maxDataTransfer: Math.min(offer.maxDataTransfer, peer.maxDataTransfer ?? defaultCapabilities.maxDataTransfer),
    maxDmaMaps: Math.min(offer.maxDmaMaps, peer.maxDmaMaps ?? defaultCapabilities.maxDmaMaps),
    pageSizes: offer.pageSizes & (peer.pageSizes ?? defaultCapabilities.pageSizes),
    writeMultiple: offer.writeMultiple && peer.writeMultiple === true,
    migration:
      pageSize === undefined || theirMigration === undefined
        ? undefined
        : { pageSize: Math.max(pageSize, theirMigration.pageSize ?? defaultMigrationPageSize) },
  }
}

function problemOf(terms: Pick<Terms, 'pageSizes'>): Problem | undefined {
  return terms.pageSizes === 0n ? new Problem('capabilities', 'no page size in common') : undefined
}

/** What says no more than its absence does, and may be left out of a reply that is too long. */
const redundant = (terms: Terms) =>
  [
    ['pageSizes', terms.pageSizes === defaultCapabilities.pageSizes],
    ['maxDmaMaps', terms.maxDmaMaps === defaultCapabilities.maxDmaMaps],
    ['maxDataTransfer', terms.maxDataTransfer === defaultCapabilities.maxDataTransfer],
  ] as const

/** The JSON of the terms, of `room` bytes where that can be said in them: always in those of QEMU's request. */
function formatTerms(terms: Terms, room: number): string {
  const said: { -readonly [K in keyof Capabilities]: Capabilities[K] } = {
    maxMessageFds: terms.maxMessageFds,
    maxDataTransfer: terms.maxDataTransfer,
    maxDmaMaps: terms.maxDmaMaps,
    pageSizes: terms.pageSizes,
    ...(terms.migration === undefined ? {} : { migration: terms.migration }),
    ...(terms.writeMultiple ? { writeMultiple: true } : {}),
  }
  for (const [name, isRedundant] of redundant(terms)) {
    if (isRedundant && formatCapabilities(said).length + 1 > room) delete said[name]
  }
  return formatCapabilities(said)
}

/** The server's answer to a VERSION, or what is wrong with it. */
export function answerVersion(request: RequestPayload<'VERSION'>, offer: Offer): ServerAgreement | Problem {
  if (request.major !== protocolVersion.major) return new Problem('version', `major version ${request.major}`)
  const peer = parseCapabilities(request.json)
  if (peer instanceof Problem) return peer
  const minor = Math.min(request.minor, protocolVersion.minor)
  const terms: Terms = { ...common(offer, peer), minor, maxMessageFds: Math.min(offer.maxMessageFds, mostMessageFds) }
  const problem = problemOf(terms)
  if (problem !== undefined) return problem

  const overhead = Header.size + Version.size
  const room = request.json === undefined ? qemuVersionSize - overhead : request.json.length + 1
  return { reply: { major: protocolVersion.major, minor, json: formatTerms(terms, room) }, terms }
}

/** What a client proposes. */
export function proposeVersion(offer: Offer): RequestPayload<'VERSION'> {
  const { maxMessageFds, maxDataTransfer, maxDmaMaps, pageSizes, writeMultiple, migrationPageSize } = offer
  const migration = migrationPageSize === undefined ? {} : { migration: { pageSize: migrationPageSize } }
  const capabilities = { maxMessageFds, maxDataTransfer, maxDmaMaps, pageSizes, writeMultiple, ...migration }
  return { ...protocolVersion, json: formatCapabilities(capabilities) }
}

/** What a client concludes from the server's answer. */
export function acceptVersion(reply: ReplyPayload<'VERSION'>, offer: Offer): Terms | Problem {
  const { major, minor } = reply
  if (major !== protocolVersion.major || minor > protocolVersion.minor) {
    return new Problem('version', `the server answers version ${major}.${minor}`)
  }
  const peer = parseCapabilities(reply.json)
  if (peer instanceof Problem) return peer
  const terms: Terms = { ...common(offer, peer), minor, maxMessageFds: offer.maxMessageFds }
  return problemOf(terms) ?? terms
}
