// DEVICE_FEATURE: one feature, read, set, or probed for being there. What each takes is in feature-table.ts.
import type { StructValue } from '../../../bits/struct.js'
import { DeviceFeatureFlags } from '../flags.js'
import { type Arrival, payload, type Rule, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { flagsOf, isPowerOfTwo } from '../rules.js'
import { DeviceFeature } from '../structs.js'
import type { WithData } from '../tails.js'
import {
  deviceFeatures,
  dirtyBitmapBytes,
  featureByIndex,
  LoggingControl,
  LoggingRange,
  LoggingReport,
} from './feature-table.js'

type Fields = StructValue<typeof DeviceFeature.fields>

const indexMask = DeviceFeatureFlags.mask('feature')
const get = DeviceFeatureFlags.mask('get')
const set = DeviceFeatureFlags.mask('set')
const probe = DeviceFeatureFlags.mask('probe')

const featureOf = (flags: number) => featureByIndex.get(flags & indexMask)

/** Get, set, or a probe for either or both: those that the feature has. */
const supported: Rule<Fields> = ({ flags }) => {
  const feature = featureOf(flags)
  if (feature === undefined) return new Problem('feature', `no feature ${flags & indexMask}`)
  const offered = (feature.get === undefined ? 0 : get) | (feature.set === undefined ? 0 : set) | probe
  const asked = flags & ~indexMask
  if ((asked & ~offered) !== 0)
    return new Problem('feature', `feature ${feature.index} cannot do 0x${asked.toString(16)}`)
  const clear = (asked & probe) !== 0 || asked === get || asked === set
  return clear ? undefined : new Problem('flags', 'neither get nor set nor probe')
}

const short = (length: number) => new Problem('length', `${length} bytes of the feature's data`)

function pageSizeProblem(pageSize: bigint): Problem | undefined {
  return isPowerOfTwo(pageSize) ? undefined : new Problem('feature', `pages of ${pageSize} bytes`)
}

function reportProblem(argsz: number, data: Uint8Array, { limits }: Arrival): Problem | undefined {
  const { length, page_size } = LoggingReport.decode(data)
  const problem = pageSizeProblem(page_size)
  if (problem !== undefined) return problem
  const bitmap = dirtyBitmapBytes(length, page_size)
  if (bitmap > limits.maxDataTransfer) return new Problem('count', `a bitmap of ${bitmap} bytes`)
  const reply = DeviceFeature.size + LoggingReport.size + Number(bitmap)
  return argsz >= reply ? undefined : new Problem('argsz', `argsz is ${argsz}, for a reply of ${reply} bytes`)
}

function getProblem({ flags, argsz }: Fields, data: Uint8Array, arrival: Arrival): Problem | undefined {
  const feature = featureOf(flags)
  const reply = DeviceFeature.size + (feature?.get?.reply.size ?? 0)
  if (argsz < reply) return new Problem('argsz', `argsz is ${argsz}, for a reply of ${reply} bytes`)
  if (data.byteLength < (feature?.get?.request?.size ?? 0)) return short(data.byteLength)
  return feature === deviceFeatures.DMA_LOGGING_REPORT ? reportProblem(argsz, data, arrival) : undefined
}

function setProblem({ flags }: Fields, data: Uint8Array): Problem | undefined {
  const feature = featureOf(flags)
  if (data.byteLength < (feature?.set?.request?.size ?? 0)) return short(data.byteLength)
  if (feature !== deviceFeatures.DMA_LOGGING_START) return undefined
  const { page_size, num_ranges } = LoggingControl.decode(data)
  if (data.byteLength - LoggingControl.size < num_ranges * LoggingRange.size) {
    return new Problem('count', `${num_ranges} ranges in ${data.byteLength} bytes`)
  }
  return pageSizeProblem(page_size)
}

/** The data as bytes: the structs of feature-table.ts read it, and find it long enough. */
const data: Tail<object, WithData> = {
  read: (_, rest) => ({ data: rest }),
  size: (value) => value.data.byteLength,
  write: (value, into) => into.set(value.data),
}

const requestData: Tail<Fields, WithData> = {
  ...data,
  read(value, rest, arrival) {
    // What is set or probed is echoed, and the reply must find room; a get says what room it has for the answer.
    const plainGet = (value.flags & ~indexMask) === get
    if (!plainGet && value.argsz < arrival.length) {
      return new Problem('argsz', `argsz is ${value.argsz}, for ${arrival.length} bytes`)
    }
    let problem: Problem | undefined
    if (plainGet) problem = getProblem(value, rest, arrival)
    else if ((value.flags & probe) === 0) problem = setProblem(value, rest)
    return problem ?? { data: rest }
  },
}

/** A reply to a get holds at least what the feature answers. */
const replyData: Tail<Fields, WithData> = {
  ...data,
  read({ flags }, rest, arrival) {
    if ((flags & ~indexMask) !== get) return { data: rest }
    const feature = featureOf(flags)
    if (rest.byteLength < (feature?.get?.reply.size ?? 0)) return short(rest.byteLength)
    const isReport = feature === deviceFeatures.DMA_LOGGING_REPORT
    const problem = isReport ? reportProblem(arrival.length, rest, arrival) : undefined
    return problem ?? { data: rest }
  },
}

export const deviceFeatureRequest = payload(DeviceFeature, {
  rules: [flagsOf(DeviceFeatureFlags), supported],
  tail: requestData,
})

export const deviceFeatureReply = payload(DeviceFeature, {
  rules: [flagsOf(DeviceFeatureFlags), supported],
  tail: replyData,
})
