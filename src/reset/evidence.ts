import type { PhysicalFunction } from '../function/physical-function.js'
import type { Step } from './report.js'

/** What is recorded of a step, beside its time. */
export type Finding = Omit<Step, 'at'>

/** Collects the steps of one reset, each with its time. */
export class Evidence {
  readonly steps: Step[] = []
  readonly #clock: PhysicalFunction['clock']
  readonly #start: number
  readonly #onStep: ((step: Step) => void) | undefined

  constructor(clock: PhysicalFunction['clock'], onStep?: (step: Step) => void) {
    this.#clock = clock
    this.#start = clock.now()
    this.#onStep = onStep
  }

  /** Microseconds since the procedure began. */
  elapsedUs(): number {
    return Math.round(this.#clock.now() - this.#start)
  }

  record(finding: Finding): void {
    const step: Step = { at: this.elapsedUs(), ...finding }
    this.steps.push(step)
    this.#onStep?.(step)
  }
}
