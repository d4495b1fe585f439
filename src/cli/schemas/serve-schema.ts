import { verdicts } from '../../reset/report.js'
import { exitStatus } from '../exit-status.js'
import {
  count,
  flag,
  hexText,
  type JsonSchema,
  listOf,
  nullable,
  object,
  oneOf,
  text,
  textOrNull,
} from './json-schema.js'
import { reportProperties } from './reset-schema.js'

const peer = { pid: count, uid: count, gid: count }
const place = { socket: textOrNull, qemu: nullable(listOf(text)) }
const causes = ['client', 'guest', 'disconnect'] as const

/** The fields of each event beside those of all. */
const events: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>> = {
  planned: { ...place, replaces: flag },
  serving: place,
  connected: peer,
  'turned-away': { ...peer, reason: text },
  agreed: { version: text, maxDataTransfer: count, maxDmaMaps: count },
  disconnected: { reason: text },
  released: { failure: textOrNull },
  reopened: { ms: count },
  refused: { command: text, errno: text, reason: text },
  reset: { cause: oneOf(...causes), ok: flag, reason: textOrNull },
  'release-requested': {},
  'cut-off': { by: text },
  'reset-report': {
    cause: oneOf(...causes, 'handover', 'companion'),
    report: object(reportProperties, ['knownDevice']),
  },
  'access-failed': { region: count, offset: hexText, reason: text },
  'memory-out-of-reach': { address: hexText, size: hexText },
  suppressed: { of: text, count },
  failed: { reason: text },
  ending: { signal: text },
  abandoned: { signal: text },
  ended: { verdict: oneOf(...verdicts, null), status: oneOf(...Object.values(exitStatus)) },
}

export const serveSchema: JsonSchema = {
  $id: 'quiesce.serve/1',
  description: 'quiesce serve --json: one object on each line, for each event',
  anyOf: Object.entries(events).map(([event, fields]) =>
    object({
      schema: { const: 'quiesce.serve/1' },
      at: { ...text, description: 'when, in ISO 8601' },
      device: text,
      event: { const: event },
      ...fields,
    }),
  ),
}
