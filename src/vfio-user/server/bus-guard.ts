import type { Clock } from '../../function/clock.js'
import type { ConfigSpace } from '../../function/config-space.js'
import type { DmaSpace } from '../../function/dma.js'
import type { Interrupts } from '../../function/interrupts.js'
import type { ContainmentOutcome, HotResetScope, KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import type { Region } from '../../function/region.js'

/** A function whose bus is not reset as long as that would take along a device that is in use. All else is the function's. */
export class BusGuard implements PhysicalFunction {
  readonly address: string
  readonly backend: PhysicalFunction['backend']
  readonly isVirtualFunction: boolean
  readonly clock: Clock
  readonly config: ConfigSpace
  readonly interrupts: Interrupts
  readonly dma: DmaSpace
  readonly canReset: boolean
  readonly #fn: PhysicalFunction
  readonly #isInUse: (address: string) => boolean

  constructor(fn: PhysicalFunction, isInUse: (address: string) => boolean) {
    this.#fn = fn
    this.#isInUse = isInUse
    this.address = fn.address
    this.backend = fn.backend
    this.isVirtualFunction = fn.isVirtualFunction
    this.clock = fn.clock
    this.config = fn.config
    this.interrupts = fn.interrupts
    this.dma = fn.dma
    this.canReset = fn.canReset
  }

  get regions(): readonly (Region | undefined)[] {
    return this.#fn.regions
  }

  reset(): Promise<KernelOutcome> {
    return this.#fn.reset()
  }

  hotResetScope(): HotResetScope {
    const scope = this.#fn.hotResetScope()
    const used = scope.ok ? scope.affected.filter(({ address }) => this.#isInUse(address)) : []
    if (used.length === 0) return scope
    const message = `it would also reset ${used.map(({ address }) => address).join(', ')}, which a guest uses`
    return { ok: false, errno: 'EBUSY', message }
  }

  hotReset(): Promise<KernelOutcome> {
    // Somebody may have begun to use one since the scope was looked at.
    const scope = this.hotResetScope()
    return scope.ok ? this.#fn.hotReset() : Promise.resolve(scope)
  }

  contain(): ContainmentOutcome {
    return this.#fn.contain()
  }

  readmit(): KernelOutcome {
    return this.#fn.readmit()
  }

  /** Leaves the function open: it is its maker's to close. */
  [Symbol.dispose](): void {}
}
