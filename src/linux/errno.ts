// errno numbers by name, as this machine's headers have them: they differ between architectures.
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/** The kernel's own, which its headers keep from user space but some drivers let through. */
const kernelOnly = { ENOTSUPP: 524 } as const

/** Of two names for one number, the one that the kernel's documentation of VFIO uses. */
const secondNames: ReadonlySet<string> = new Set(['EWOULDBLOCK', 'ENOTSUP'])

const numberByName: ReadonlyMap<string, number> = new Map(Object.entries({ ...constants.errno, ...kernelOnly }))

const nameByNumber: ReadonlyMap<number, string> = new Map(
  [...numberByName].filter(([name]) => !secondNames.has(name)).map(([name, number]) => [number, name]),
)

/** `ENOTTY` for 25; `errno 999` where the number has no name. */
export function errnoName(errno: number): string {
  return nameByNumber.get(errno) ?? `errno ${errno}`
}

/** 25 for `ENOTTY`; `undefined` where the name means nothing here. */
export function errnoNumber(name: string): number | undefined {
  return numberByName.get(name)
}

/** What the C library says of it, e.g. `inappropriate ioctl for device`. */
export function describeErrno(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? 'unknown error'
}
