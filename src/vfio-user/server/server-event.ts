// What the server tells its owner beside return values. Hardware and clients cause these; nothing of it is an exception.
import type { PeerCredentials } from '../../linux/unix-socket.js'
import type { ResetReport } from '../../reset/report.js'
import type { Terms } from '../messages/terms.js'

/**
 * `handover`: nobody has it, and it is made ready for the next client. `companion`: the reset of another device on its bus
 * took it along.
 */
export type ResetReportCause = 'client' | 'guest' | 'disconnect' | 'handover' | 'companion'

export type ServerEvent =
  | { readonly kind: 'connected'; readonly peer: PeerCredentials }
  /** Somebody who may not use the device wanted to, or may not now. */
  | { readonly kind: 'turned-away'; readonly peer: PeerCredentials; readonly reason: string }
  | { readonly kind: 'agreed'; readonly terms: Terms }
  /** The client is gone; the device is being quiesced. */
  | { readonly kind: 'disconnected'; readonly reason: string }
  /** The device is quiet, and nothing of the client's is left. `failure`: what the device could not do. */
  | { readonly kind: 'released'; readonly failure: string | undefined }
  /** It was closed and opened again in so many milliseconds: no client has kept its file. */
  | { readonly kind: 'reopened'; readonly ms: number }
  /** A request was refused, or could not be understood. */
  | { readonly kind: 'refused'; readonly command: string; readonly errno: number; readonly reason: string }
  | {
      readonly kind: 'reset'
      readonly cause: 'client' | 'guest'
      readonly ok: boolean
      readonly reason: string | undefined
    }
  /** The report of a reset of a physical function, whatever asked for it. */
  | { readonly kind: 'reset-report'; readonly cause: ResetReportCause; readonly report: ResetReport }
  /** Another device of its IOMMU group was contained: nothing reaches this one, either, until it is reset. */
  | { readonly kind: 'cut-off'; readonly by: string }
  /** The kernel wants the device back, to unbind or unplug it, and waits until it is closed. Said again every now and then. */
  | { readonly kind: 'release-requested' }
  /** The hardware did not answer: a read gave all ones, or a write was dropped. */
  | { readonly kind: 'access-failed'; readonly region: number; readonly offset: bigint; readonly reason: string }
  /** Memory of the client's that this device cannot reach, because it came without a file. */
  | { readonly kind: 'memory-out-of-reach'; readonly address: bigint; readonly size: bigint }
  /** So many events of a kind were left out, because they came too fast. */
  | { readonly kind: 'suppressed'; readonly of: LimitedEventKind; readonly count: number }

/** What a client can cause as fast as it likes: ten of each in ten seconds are told. */
export type LimitedEventKind = 'refused' | 'access-failed' | 'memory-out-of-reach' | 'turned-away'

export type ServerEventListener = (event: ServerEvent) => void
