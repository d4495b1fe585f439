// Where the command line looks for the machine it describes.

export interface HostRoots {
  readonly sysfs: string
  readonly dev: string
  /** False where another tree than this machine's own is looked at: nothing there can be opened or changed. */
  readonly isThisMachine: boolean
}

/** The roots below `--sysroot`; this machine's own without it. */
export function hostRoots(sysroot?: string): HostRoots {
  if (sysroot === undefined) return { sysfs: '/sys', dev: '/dev', isThisMachine: true }
  return { sysfs: `${sysroot}/sys`, dev: `${sysroot}/dev`, isThisMachine: false }
}
