// REGION_READ, REGION_WRITE and REGION_WRITE_MULTI.
import type { RequestPayload } from '../messages/commands.js'
import { type Answer, refusalOf, refuse } from './answer.js'
import type { ServedRegion } from './served-device.js'
import type { Session } from './session.js'

interface Access {
  readonly offset: bigint
  readonly region: number
  readonly count: number
}

type Refusal = ReturnType<typeof refuse>

/** The region of an access that lies inside it. */
function regionOf({ offset, region, count }: Access, session: Session): ServedRegion | Refusal {
  const found = session.device.regions[region]
  if (found === undefined || found.size === 0n) return refuse('EINVAL', `no region ${region}`)
  if (offset + BigInt(count) > found.size) {
    return refuse('EINVAL', `${count} bytes at 0x${offset.toString(16)} of region ${region}, which has ${found.size}`)
  }
  if (session.migration?.isStopped === true) return refuse('EINVAL', 'the state of the device is being saved')
  return found
}

const isRefusal = (found: ServedRegion | Refusal): found is Refusal => 'ok' in found

export function readRegion(
  payload: RequestPayload<'REGION_READ'>,
  session: Session,
): Answer<'REGION_READ'> | Promise<Answer<'REGION_READ'>> {
  const region = regionOf(payload, session)
  if (isRefusal(region)) return region
  if (!region.readable) return refuse('EPERM', `region ${payload.region} cannot be read`)
  const { offset, count, region: index } = payload
  const data = new Uint8Array(count)
  const answer: Answer<'REGION_READ'> = { ok: true, payload: { offset, region: index, count, data } }
  if (count === 0) return answer
  try {
    const later = region.read(offset, data)
    return later === undefined ? answer : later.then(() => answer, refusalOf)
  } catch (error) {
    return refusalOf(error)
  }
}

export function writeRegion(
  payload: RequestPayload<'REGION_WRITE'>,
  session: Session,
): Answer<'REGION_WRITE'> | Promise<Answer<'REGION_WRITE'>> {
  const { offset, count, region } = payload
  const answer: Answer<'REGION_WRITE'> = { ok: true, payload: { offset, region, count } }
  const later = write(payload, payload.data, session)
  if (later === undefined) return answer
  return later instanceof Promise ? later.then((refused) => refused ?? answer) : later
}

/** Writes that are done before everything else in this thread gets its turn. */
const batch = 256n

/** Several writes, in order, until one is refused or the client is gone: the answer says how many were done. */
export async function writeRegions(
  { items }: RequestPayload<'REGION_WRITE_MULTI'>,
  session: Session,
): Promise<Answer<'REGION_WRITE_MULTI'>> {
  let written = 0n
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  for (const item of items) {
    view.setBigUint64(0, item.data, true)
    const refused = await write(item, bytes.subarray(0, item.count), session)
    if (refused !== undefined) {
      if (written === 0n) return refused
      break
    }
    written++
    if (written % batch !== 0n) continue
    await new Promise((resolve) => setImmediate(resolve))
    if (session.channel.isClosed) break
  }
  return { ok: true, payload: { wr_cnt: written } }
}

function write(access: Access, data: Uint8Array, session: Session): undefined | Refusal | Promise<undefined | Refusal> {
  const region = regionOf(access, session)
  if (isRefusal(region)) return region
  if (!region.writable) return refuse('EPERM', `region ${access.region} cannot be written`)
  if (access.count === 0) return undefined
  try {
    const later = region.write(access.offset, data)
    return later === undefined ? undefined : later.then(() => undefined, refusalOf)
  } catch (error) {
    return refusalOf(error)
  }
}
