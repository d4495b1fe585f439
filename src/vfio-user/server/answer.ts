// What a request is answered with. A refusal is nothing unusual, hence a value.
import { QuiesceError } from '../../errors/quiesce-error.js'
import { errnoNumber } from '../../linux/errno.js'
import type { CommandName, ReplyPayload } from '../messages/commands.js'

export type Answer<N extends CommandName> =
  | { readonly ok: true; readonly payload: ReplyPayload<N>; readonly fds?: readonly number[] }
  | { readonly ok: false; readonly errno: number; readonly reason: string }

/** As the kernel's VFIO names what went wrong, where the error itself does not say. */
const errnoByCode: Partial<Record<QuiesceError['code'], string>> = {
  USAGE: 'EINVAL',
  DMA_CONFLICT: 'EINVAL',
  UNSUPPORTED: 'EOPNOTSUPP',
  BUSY: 'EBUSY',
  MEMLOCK: 'ENOMEM',
  PERMISSION: 'EACCES',
  CLOSED: 'ENODEV',
}

const fallback = 5 // EIO
const highest = 4095

export const done = { ok: true, payload: {} } as const

export function refuse(errno: string, reason: string): { ok: false; errno: number; reason: string } {
  return { ok: false, errno: errnoNumber(errno) ?? fallback, reason }
}

/** What a device threw, as a refusal. */
export function refusalOf(error: unknown): { ok: false; errno: number; reason: string } {
  const reason = error instanceof Error ? error.message : String(error)
  if (!(error instanceof QuiesceError)) return { ok: false, errno: fallback, reason }
  const errno = error.errno ?? errnoNumber(error.errnoName ?? errnoByCode[error.code] ?? 'EIO') ?? fallback
  return { ok: false, errno: errno > 0 && errno <= highest ? errno : fallback, reason }
}
