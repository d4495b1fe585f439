// A function that measures what is done with it: how long the kernel's own reset takes, so that the rest is the
// procedure's, and how often config space is accessed.
import type { AccessWidth, ConfigSpace } from '../src/function/config-space.js'
import type { ContainmentOutcome, HotResetScope, KernelOutcome } from '../src/function/kernel-outcome.js'
import type { PhysicalFunction } from '../src/function/physical-function.js'

/** Counts accesses and the time in them. Timing an access costs about as much as a cheap one: not for timed rounds. */
export class CountedConfig implements ConfigSpace {
  readonly size: number
  reads = 0
  readMs = 0
  writes = 0
  writeMs = 0
  readonly #config: ConfigSpace

  constructor(config: ConfigSpace) {
    this.#config = config
    this.size = config.size
  }

  read(offset: number, width: AccessWidth): number {
    const began = performance.now()
    try {
      return this.#config.read(offset, width)
    } finally {
      this.reads++
      this.readMs += performance.now() - began
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const began = performance.now()
    try {
      this.#config.write(offset, width, value)
    } finally {
      this.writes++
      this.writeMs += performance.now() - began
    }
  }

  clear(): void {
    this.reads = 0
    this.readMs = 0
    this.writes = 0
    this.writeMs = 0
  }
}

/** The function itself, with the time spent in its resets. */
export class WatchedFunction implements PhysicalFunction {
  readonly address: string
  readonly backend: PhysicalFunction['backend']
  readonly isVirtualFunction: boolean
  readonly clock: PhysicalFunction['clock']
  readonly config: ConfigSpace
  readonly interrupts: PhysicalFunction['interrupts']
  readonly dma: PhysicalFunction['dma']
  readonly canReset: boolean
  /** Milliseconds in `reset` and `hotReset` so far. */
  inResetMs = 0
  readonly #fn: PhysicalFunction

  constructor(fn: PhysicalFunction, config: ConfigSpace = fn.config) {
    this.#fn = fn
    this.address = fn.address
    this.backend = fn.backend
    this.isVirtualFunction = fn.isVirtualFunction
    this.clock = fn.clock
    this.config = config
    this.interrupts = fn.interrupts
    this.dma = fn.dma
    this.canReset = fn.canReset
  }

  get regions(): PhysicalFunction['regions'] {
    return this.#fn.regions
  }

  reset(): Promise<KernelOutcome> {
    return this.#timed(() => this.#fn.reset())
  }

  hotResetScope(): HotResetScope {
    return this.#fn.hotResetScope()
  }

  hotReset(): Promise<KernelOutcome> {
    return this.#timed(() => this.#fn.hotReset())
  }

  contain(): ContainmentOutcome {
    return this.#fn.contain()
  }

  readmit(): KernelOutcome {
    return this.#fn.readmit()
  }

  /** Does nothing: whoever opened the function closes it. */
  [Symbol.dispose](): void {}

  async #timed(reset: () => Promise<KernelOutcome>): Promise<KernelOutcome> {
    const began = performance.now()
    try {
      return await reset()
    } finally {
      this.inResetMs += performance.now() - began
    }
  }
}
