import { blockersSchema } from './blockers-schema.js'
import {
  answer,
  count,
  countOrNull,
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

const register = object({
  offset: count,
  raw: count,
  fields: { type: 'object', additionalProperties: { type: ['boolean', 'integer'] } },
})

const capabilities = object(
  {
    entries: listOf(
      object(
        {
          id: count,
          name: text,
          offset: count,
          version: count,
          length: count,
          registers: { type: 'object', additionalProperties: register },
        },
        ['version'],
      ),
    ),
    problem: { ...text, description: 'why the list ended before its end' },
  },
  ['problem'],
)

const bar = object(
  {
    index: { type: ['integer', 'string'] },
    offset: count,
    kind: oneOf('memory', 'io', 'rom'),
    width: count,
    prefetchable: flag,
    address: hexText,
    size: hexText,
    enabled: flag,
    problem: text,
  },
  ['size', 'problem'],
)

const bridge = object({
  primaryBus: count,
  secondaryBus: count,
  subordinateBus: count,
  secondaryLatencyTimer: count,
  secondaryStatus: register,
  bridgeControl: register,
  windows: listOf(
    object(
      {
        kind: oneOf('io', 'memory', 'prefetchable'),
        width: count,
        base: hexText,
        limit: hexText,
        enabled: flag,
        problem: text,
      },
      ['problem'],
    ),
  ),
})

const header = object(
  {
    vendorId: count,
    deviceId: count,
    revision: count,
    classCode: count,
    cacheLineSize: count,
    latencyTimer: count,
    headerType: register,
    bist: register,
    type: oneOf('endpoint', 'bridge', 'cardbus', 'unknown'),
    subsystemVendorId: count,
    subsystemId: count,
    interruptLine: count,
    interruptPin: count,
  },
  ['subsystemVendorId', 'subsystemId'],
)

const configSpace: JsonSchema = object(
  {
    size: count,
    header,
    command: register,
    status: register,
    bars: listOf(bar),
    bridge,
    capabilities,
    extended: capabilities,
  },
  ['bridge'],
)

const resource = object({
  index: count,
  name: text,
  kind: oneOf('memory', 'io'),
  start: hexText,
  size: hexText,
  is64Bit: flag,
  prefetchable: flag,
})

const host = object({
  driver: textOrNull,
  driverOverride: textOrNull,
  iommuGroup: nullable(object({ group: text, members: listOf(object({ address: text, driver: text }, ['driver'])) })),
  resetMethods: listOf(text),
  powerState: textOrNull,
  numaNode: countOrNull,
  parentBridge: textOrNull,
  physicalFunction: textOrNull,
  virtualFunctions: listOf(text),
  totalVirtualFunctions: countOrNull,
  resources: listOf(resource),
  assignable: flag,
  blockers: blockersSchema,
})

export const showSchema = answer('quiesce.show/1', 'quiesce show --json', {
  device: text,
  source: oneOf('sysfs', 'dump', 'sim'),
  host: nullable(host),
  hardware: configSpace,
  guest: nullable(configSpace),
  guestMissing: { ...textOrNull, description: "why there is no guest's view" },
})
