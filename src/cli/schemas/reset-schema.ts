import { resetMethods, resetOrders } from '../../reset/policy.js'
import { verdicts } from '../../reset/report.js'
import { blockersSchema } from './blockers-schema.js'
import {
  answer,
  count,
  countOrNull,
  flag,
  hexOrNull,
  type JsonSchema,
  listOf,
  nullable,
  object,
  oneOf,
  text,
  textOrNull,
} from './json-schema.js'

const method = oneOf(...resetMethods)

const policy = object({
  methods: listOf(method),
  order: oneOf(...resetOrders),
  requireReset: flag,
  park: flag,
  methodTimeoutMs: count,
  drainTimeoutMs: count,
  readyTimeoutMs: count,
})

const knownDevice = object({ name: text, reason: text, source: text })

const attempt = object(
  {
    method,
    result: oneOf('ok', 'skipped', 'unsupported', 'failed', 'unverified', 'stuck'),
    reason: text,
    ms: count,
  },
  ['reason'],
)

const step = object(
  {
    at: { ...count, description: 'microseconds since the procedure began' },
    step: text,
    what: text,
    ok: flag,
    method,
    device: text,
    register: text,
    before: text,
    after: text,
    reason: text,
  },
  ['method', 'device', 'register', 'before', 'after', 'reason'],
)

/** The fields of a report, without the name of a schema. */
export const reportProperties: Readonly<Record<string, JsonSchema>> = {
  device: text,
  verdict: oneOf(...verdicts),
  reusable: { ...flag, description: 'whether the policy lets the device be used again' },
  policy,
  knownDevice,
  command: object({ before: hexOrNull, after: hexOrNull, verified: flag }),
  pending: oneOf('drained', 'timeout', 'not-observable'),
  attempts: listOf(attempt),
  verified: object({
    reachable: flag,
    quiet: flag,
    powerState: oneOf('D0', 'D1', 'D2', 'D3hot', 'unknown'),
    interruptsOff: flag,
  }),
  contained: flag,
  timeToQuietUs: { ...countOrNull, description: 'null where it was never shown' },
  totalMs: count,
  steps: listOf(step),
}

export const resetSchema = answer('quiesce.reset/1', 'quiesce reset --json', reportProperties, ['knownDevice'])

export const resetPlanSchema = answer(
  'quiesce.reset-plan/1',
  'quiesce reset --dry-run --json',
  {
    device: text,
    ready: flag,
    blockers: blockersSchema,
    policy,
    knownDevice,
    methods: listOf(object({ method, applies: oneOf(true, false, 'unknown'), reason: text })),
    scope: nullable(listOf(object({ address: text, driver: textOrNull }))),
    kernel: text,
  },
  ['knownDevice'],
)
