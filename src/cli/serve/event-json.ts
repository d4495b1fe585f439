// An event as programs get it: one object on one line.
import { hex } from '../../bits/hex.js'
import { errnoName } from '../../linux/errno.js'
import { qemuArguments } from './qemu-arguments.js'
import type { ServeEvent, ServeEventKind, ServeEventOf } from './serve-event.js'

type Fields = Readonly<Record<string, unknown>>

const at = ({ socket }: { readonly socket: string | undefined }): Fields => ({
  socket: socket ?? null,
  qemu: socket === undefined ? null : qemuArguments([socket]).flat(),
})

const fields: { readonly [K in ServeEventKind]: (event: ServeEventOf<K>) => Fields } = {
  planned: (event) => ({ ...at(event), replaces: event.replaces }),
  serving: at,
  connected: ({ peer: { pid, uid, gid } }) => ({ pid, uid, gid }),
  'turned-away': ({ peer: { pid, uid, gid }, reason }) => ({ pid, uid, gid, reason }),
  agreed: ({ terms }) => ({
    version: `0.${terms.minor}`,
    maxDataTransfer: terms.maxDataTransfer,
    maxDmaMaps: terms.maxDmaMaps,
  }),
  disconnected: ({ reason }) => ({ reason }),
  released: ({ failure }) => ({ failure: failure ?? null }),
  reopened: ({ ms }) => ({ ms: Math.round(ms) }),
  refused: ({ command, errno, reason }) => ({ command, errno: errnoName(errno), reason }),
  reset: ({ cause, ok, reason }) => ({ cause, ok, reason: reason ?? null }),
  'release-requested': () => ({}),
  'cut-off': ({ by }) => ({ by }),
  'reset-report': ({ cause, report }) => ({ cause, report }),
  'access-failed': ({ region, offset, reason }) => ({ region, offset: hex(offset, 1), reason }),
  'memory-out-of-reach': ({ address, size }) => ({ address: hex(address, 1), size: hex(size, 1) }),
  suppressed: ({ of, count }) => ({ of, count }),
  failed: ({ reason }) => ({ reason }),
  ending: ({ signal }) => ({ signal }),
  abandoned: ({ signal }) => ({ signal }),
  ended: ({ verdict, status }) => ({ verdict: verdict ?? null, status }),
}

/** One line of `quiesce serve --json`. */
export function eventToJson(device: string, event: ServeEvent, when: Date): string {
  const of = fields[event.kind] as (event: ServeEvent) => Fields
  return JSON.stringify({ schema: 'quiesce.serve/1', at: when.toISOString(), device, event: event.kind, ...of(event) })
}
