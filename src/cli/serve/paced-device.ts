import type { InterruptKind } from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { RealTime } from '../../sim/real-time.js'
import { ForwardingDevice } from '../../vfio-user/server/forwarding-device.js'
import type { ServedDevice, ServedRegion } from '../../vfio-user/server/served-device.js'

/** A simulated device in the time of its client: what it does takes as long as hardware would. */
export class PacedDevice extends ForwardingDevice {
  readonly #regions: readonly (ServedRegion | undefined)[]
  readonly #time: RealTime

  /** `time` is that of its machine. */
  constructor(inner: ServedDevice, time: RealTime) {
    super(inner)
    this.#time = time
    this.#regions = inner.regions.map(
      (region) =>
        region && {
          ...region,
          read: (offset, into) => time.during(() => region.read(offset, into)),
          write: (offset, from) => time.during(() => region.write(offset, from)),
        },
    )
  }

  override get regions(): readonly (ServedRegion | undefined)[] {
    return this.#regions
  }

  // The procedure waits in virtual time, which costs nothing; afterwards time is the machine's again.
  override async reset(): Promise<KernelOutcome> {
    const outcome = await super.reset()
    return this.#time.during(() => outcome)
  }

  override async quiesce(): Promise<void> {
    await super.quiesce()
    this.#time.during(() => {})
  }

  override maskInterrupt(kind: InterruptKind, vector: number, masked: boolean): void {
    this.#time.during(() => super.maskInterrupt(kind, vector, masked))
  }
}
