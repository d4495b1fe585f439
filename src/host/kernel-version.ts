import { release } from 'node:os'

export interface KernelVersion {
  /** As `uname -r` prints it. */
  readonly release: string
  readonly major: number
  readonly minor: number
}

/** The version of the kernel that runs; 0.0 where the release names none. */
export function kernelVersion(text = release()): KernelVersion {
  const match = /^(\d+)\.(\d+)/.exec(text)
  return { release: text, major: Number(match?.[1] ?? 0), minor: Number(match?.[2] ?? 0) }
}
