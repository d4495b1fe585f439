/** Where the kernel's files are; other roots in tests and in containers. */
export interface VfioPaths {
  readonly sysfs: string
  readonly dev: string
}

export const machinePaths: VfioPaths = { sysfs: '/sys', dev: '/dev' }
