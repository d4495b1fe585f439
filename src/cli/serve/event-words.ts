// An event as a line for people.
import { hex } from '../../bits/hex.js'
import { errnoName } from '../../linux/errno.js'
import type { PeerCredentials } from '../../linux/unix-socket.js'
import type { ResetReport } from '../../reset/report.js'
import type { Paint } from '../paint.js'
import { formatReport, verdictWords } from '../reset-output.js'
import { processName } from './process-name.js'
import type { ServeEvent, ServeEventKind, ServeEventOf } from './serve-event.js'
import { formatBytes } from './status-line.js'

interface Context {
  readonly paint: Paint
  /** The whole report of every reset. */
  readonly withSteps: boolean
  /** The device resets by itself: there are no reports. */
  readonly isRaw: boolean
}

/** QEMU passes its firmware without a file, piece by piece and at every boot; no device needs it. */
const romSize = 1n << 20n

type Words<K extends ServeEventKind> = (event: ServeEventOf<K>, context: Context) => string | undefined

const causes = {
  client: 'its client asked',
  guest: 'the guest asked',
  disconnect: 'its client is gone',
  handover: 'the next client is to find it clean',
  companion: 'a reset of its bus took it along',
} as const

/** What says enough elsewhere has no words. */
const words: { readonly [K in ServeEventKind]: Words<K> } = {
  planned: ({ socket, replaces }) => {
    const instead = replaces ? ', in place of a socket that nobody listens on' : ''
    return `would be served at ${socket ?? 'a passed socket'}${instead}; nothing was opened or changed`
  },
  serving: ({ socket }) => `is served at ${socket ?? 'a passed socket'}`,
  connected: ({ peer }) => `client ${describePeer(peer)} connected`,
  'turned-away': ({ peer, reason }) => `${describePeer(peer)} was turned away: ${reason}`,
  agreed: ({ terms }) => `agreed on vfio-user 0.${terms.minor}`,
  disconnected: ({ reason }) => `client left: ${reason}`,
  released: ({ failure }, { paint }) =>
    failure === undefined ? 'waits for the next client' : paint('red', `could not give everything back: ${failure}`),
  reopened: ({ ms }) => `was closed and opened again in ${Math.round(ms)} ms: no client has kept its file`,
  refused: ({ command, errno, reason }) => `refused ${command} with ${errnoName(errno)}: ${reason}`,
  // A physical function's report says it. One that is not good enough is refused to the client.
  reset: ({ cause, ok, reason }, { isRaw }) => {
    if (!ok) return `refused the reset to its client: ${reason ?? 'no reason is known'}`
    return isRaw ? `reset because ${causes[cause]}` : undefined
  },
  'release-requested': () => 'the kernel wants it back, to unbind or unplug it: it is given back once nobody uses it',
  'cut-off': ({ by }, { paint }) =>
    paint('red', `${by} of its IOMMU group was contained: nothing reaches this one, either, until it is reset`),
  'reset-report': ({ cause, report }, context) => reportWords(causes[cause], report, context),
  'access-failed': ({ region, offset, reason }) => `region ${region} did not answer at ${hex(offset, 1)}: ${reason}`,
  'memory-out-of-reach': ({ address, size }) =>
    size < romSize
      ? undefined
      : `cannot reach ${formatBytes(Number(size))} of its client's memory at ${hex(address, 1)}: it is not shared, or could be cut short`,
  suppressed: ({ of, count }) => `left out ${count} more of ${of}`,
  failed: ({ reason }, { paint }) => paint('red', `is served no longer, and was not shown to be quiet: ${reason}`),
  ending: ({ signal }) => `${signal}: quiescing it, then ending; once more to end at once`,
  abandoned: ({ signal }, { paint }) =>
    paint('red', `${signal}: left before it was shown to be quiet; only the kernel stops it now, when it is closed`),
  ended: ({ verdict }) =>
    verdict === undefined ? 'is served no longer' : `is served no longer; the last verdict: ${verdict}`,
}

function describePeer({ pid, uid }: PeerCredentials): string {
  const name = processName(pid)
  return `${name === undefined ? '' : `${name} `}(pid ${pid}, uid ${uid})`
}

function reportWords(why: string, report: ResetReport, { paint, withSteps }: Context): string {
  const { style, words: meaning } = verdictWords[report.verdict]
  const verdict = `reset because ${why}: ${paint([style, 'bold'], report.verdict.toUpperCase())}: ${meaning}`
  const refusal = report.reusable ? '' : `; ${paint('red', 'the policy refuses it: nothing reaches it any more')}`
  return withSteps ? `${verdict}${refusal}\n${formatReport(report, paint, true)}` : verdict + refusal
}

/** A line, or several where the whole report was asked for; undefined where there is nothing to say. */
export function eventToWords(device: string, event: ServeEvent, at: Date, context: Context): string | undefined {
  const of = words[event.kind] as (event: ServeEvent, context: Context) => string | undefined
  const said = of(event, context)
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
  return said === undefined ? undefined : `${context.paint('dim', time)}  ${context.paint('bold', device)}  ${said}`
}
