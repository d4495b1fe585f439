// What is measured of the resets of one device: plain data, for it travels from the guest to the host as JSON.

/** One way of resetting, once. Without `ms`: the kernel refused, and `refusal` is its errno. */
export interface BareSample {
  readonly ms?: number
  readonly refusal?: string
}

export interface ProcedureSample {
  readonly verdict: string
  readonly ms: number
  /** Of these, inside the kernel's reset. */
  readonly inResetMs: number
  readonly timeToQuietUs: number | null
  /** Microseconds by the name of the step; `method` without the kernel's reset. */
  readonly steps: Readonly<Record<string, number>>
}

export interface ResetRound {
  readonly procedure: ProcedureSample
  /** `VFIO_DEVICE_RESET`. */
  readonly ioctl: BareSample
  /** `echo 1 > /sys/bus/pci/devices/.../reset`. */
  readonly sysfs: BareSample
}

/** Accesses to config space in one procedure. */
export interface AccessCount {
  readonly reads: number
  readonly readMs: number
  readonly writes: number
  readonly writeMs: number
}

export interface DeviceSamples {
  readonly device: string
  /** The kernel's reset methods, in its order: the first one is what all three ways come down to. */
  readonly resetMethods: readonly string[]
  readonly rounds: readonly ResetRound[]
  /** The first procedure on a device walks its capabilities; later ones know them. */
  readonly firstAccesses: AccessCount
  readonly laterAccesses: readonly AccessCount[]
}
