// DEVICE_FEATURE, MIG_DATA_READ and MIG_DATA_WRITE. The codec has checked that the feature can do what is asked, and that
// there is room; whether this device has it is seen here.
import type { RequestPayload } from '../messages/commands.js'
import { DeviceFeatureFlags } from '../messages/flags.js'
import {
  deviceFeatures,
  LoggingControl,
  LoggingRange,
  LoggingReport,
  MigrationFeature,
  MigrationState,
} from '../messages/payloads/feature-table.js'
import { DeviceFeature, MigrationData } from '../messages/structs.js'
import { type Answer, done, refuse } from './answer.js'
import { migrationFlags } from './migration-states.js'
import type { Session } from './session.js'

type FeatureAnswer = Answer<'DEVICE_FEATURE'>
type FeatureRequest = RequestPayload<'DEVICE_FEATURE'>

export async function deviceFeature(request: FeatureRequest, session: Session): Promise<FeatureAnswer> {
  const { flags, data } = request
  const { feature, get, set, probe } = DeviceFeatureFlags.decode(flags)
  if (session.migration === undefined) return refuse('EINVAL', 'the device cannot migrate')
  if (probe) return answer(flags, data)
  if (get) return getFeature(feature, request, session)
  const outcome = set ? await setFeature(feature, data, session) : refuse('EINVAL', 'nothing is asked')
  return outcome.ok ? answer(flags, data) : outcome
}

function answer(flags: number, data: Uint8Array): FeatureAnswer {
  return { ok: true, payload: { argsz: DeviceFeature.size + data.byteLength, flags, data } }
}

function getFeature(feature: number, { flags, data }: FeatureRequest, session: Session): FeatureAnswer {
  if (feature === deviceFeatures.MIGRATION.index)
    return answer(flags, MigrationFeature.encode({ flags: migrationFlags }))
  if (feature === deviceFeatures.MIG_DEVICE_STATE.index) {
    return answer(flags, MigrationState.encode({ device_state: session.migration?.state ?? 0 }))
  }
  const { iova, length, page_size } = LoggingReport.decode(data)
  if (session.dirty.pageSize === undefined) return refuse('EINVAL', 'dirty pages are not logged')
  const inside = session.memory.overlapping(iova, length)
  const [mapping] = inside
  if (mapping === undefined) return refuse('ENOENT', 'a dirty bitmap of what is not mapped')
  if (inside.length > 1) return refuse('ENOTSUP', 'a dirty bitmap over several mappings')
  if (mapping.address > iova || mapping.end < iova + length)
    return refuse('ENOENT', 'a dirty bitmap of more than is mapped')
  const bitmap = session.dirty.report(iova, length, page_size)
  const reply = new Uint8Array(LoggingReport.size + bitmap.byteLength)
  reply.set(data.subarray(0, LoggingReport.size))
  reply.set(bitmap, LoggingReport.size)
  return answer(flags, reply)
}

async function setFeature(feature: number, data: Uint8Array, session: Session) {
  const { migration, dirty, channel } = session
  if (feature === deviceFeatures.MIG_DEVICE_STATE.index) {
    const { device_state } = MigrationState.decode(data)
    return (await migration?.enter(device_state)) ?? refuse('EINVAL', 'the device cannot migrate')
  }
  if (feature === deviceFeatures.DMA_LOGGING_STOP.index) {
    dirty.stop()
    return done
  }
  const { page_size, num_ranges } = LoggingControl.decode(data)
  const agreed = BigInt(channel.terms?.migration?.pageSize ?? 4096)
  if (page_size !== agreed) return refuse('EINVAL', `pages of ${page_size} bytes, agreed on ${agreed}`)
  for (let each = 0; each < num_ranges; each++) {
    const { iova, length } = LoggingRange.decode(data, LoggingControl.size + each * LoggingRange.size)
    if (iova + length > 1n << 64n) return refuse('EINVAL', 'a range leaves 64 bits')
  }
  // All of memory is logged, whatever ranges are named: a report is of one range.
  dirty.start(page_size)
  return done
}

export function readMigrationData(
  { size }: RequestPayload<'MIG_DATA_READ'>,
  { migration }: Session,
): Answer<'MIG_DATA_READ'> {
  const data = migration?.read(size)
  if (data === undefined) return refuse('EINVAL', 'no state of the device is being saved')
  return { ok: true, payload: { argsz: MigrationData.size + data.byteLength, size: data.byteLength, data } }
}

export function writeMigrationData(
  { data }: RequestPayload<'MIG_DATA_WRITE'>,
  { migration }: Session,
): Answer<'MIG_DATA_WRITE'> {
  if (migration?.write(data) === true) return done
  return refuse('EINVAL', 'no state of the device is being restored')
}
