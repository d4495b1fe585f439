// What `quiesce serve` tells: what its servers tell, and what the command itself has to say.

import type { Verdict } from '../../reset/report.js'
import type { ServerEvent } from '../../vfio-user/server/server-event.js'
import type { ExitStatus } from '../exit-status.js'

export type ServeEvent =
  | ServerEvent
  /** Clients can connect. `socket` is unknown where it was passed without a name. */
  | { readonly kind: 'serving'; readonly socket: string | undefined }
  /** They could, without --dry-run. `replaces`: in place of a socket that a process left behind. */
  | { readonly kind: 'planned'; readonly socket: string | undefined; readonly replaces: boolean }
  /** The device can be served no longer, and nobody has seen to it. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** It was asked to end. */
  | { readonly kind: 'ending'; readonly signal: string }
  /** It was asked once more, before the device was shown to be quiet. */
  | { readonly kind: 'abandoned'; readonly signal: string }
  /** The socket is gone. The last verdict, where there was one since it is served. */
  | { readonly kind: 'ended'; readonly verdict: Verdict | undefined; readonly status: ExitStatus }

export type ServeEventKind = ServeEvent['kind']
export type ServeEventOf<K extends ServeEventKind> = Extract<ServeEvent, { kind: K }>
