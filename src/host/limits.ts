// Limits of this process that passthrough runs into.
import { readAttribute } from './sysfs-attribute.js'

/** How much memory this process may pin, in bytes; `undefined` where it is unlimited. */
export interface MemlockLimit {
  readonly soft: bigint | undefined
  readonly hard: bigint | undefined
}

/** `RLIMIT_MEMLOCK` from `/proc/self/limits`; `undefined` if it cannot be read. */
export function readMemlockLimit(procRoot = '/proc'): MemlockLimit | undefined {
  const line = /^Max locked memory +(\S+) +(\S+)/m.exec(readAttribute(`${procRoot}/self/limits`) ?? '')
  if (line === null) return undefined
  const parse = (text: string | undefined) => (text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined)
  return { soft: parse(line[1]), hard: parse(line[2]) }
}
