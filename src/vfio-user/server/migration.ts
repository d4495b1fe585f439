// A device's migration as a client drives it: states, and the stream of the device's state.

import { done, refusalOf, refuse } from './answer.js'
import { type MigrationState, migrationState, migrationStates, wayTo } from './migration-states.js'
import type { DeviceMigration } from './served-device.js'

type Outcome = typeof done | ReturnType<typeof refuse>

/** A client cannot make this side hold more than this. */
const longestState = 256 << 20

const nothing = new Uint8Array(0)

export class Migration {
  readonly #device: DeviceMigration
  #state: MigrationState = 'running'
  #saved: Uint8Array = nothing
  #read = 0
  /** As much of it as `#arrivedBytes` says: in one piece, so that a state that comes byte by byte takes no more than it is. */
  #arrived: Uint8Array = nothing
  #arrivedBytes = 0

  constructor(device: DeviceMigration) {
    this.#device = device
  }

  get state(): number {
    return migrationStates[this.#state]
  }

  /** The device's registers must not be touched now. */
  get isStopped(): boolean {
    return this.#state === 'stopCopy'
  }

  /** After a reset of the device. */
  reset(): void {
    this.#state = 'running'
    this.#forget()
  }

  async enter(number: number): Promise<Outcome> {
    const wanted = migrationState(number)
    const way = wanted === undefined || wanted === 'error' ? undefined : wayTo(this.#state, wanted)
    if (way === undefined) return refuse('EINVAL', `no way from ${this.#state} to migration state ${number}`)
    for (const state of way) {
      try {
        await this.#step(state)
      } catch (error) {
        this.#state = 'error'
        this.#forget()
        return refusalOf(error)
      }
    }
    return done
  }

  /** The next bytes of the device's state; none at its end. */
  read(size: number): Uint8Array | undefined {
    if (this.#state === 'preCopy') return nothing
    if (this.#state !== 'stopCopy') return undefined
    const part = this.#saved.subarray(this.#read, this.#read + size)
    this.#read += part.byteLength
    return part
  }

  write(data: Uint8Array): boolean {
    if (this.#state !== 'resuming' || this.#arrivedBytes + data.byteLength > longestState) return false
    const end = this.#arrivedBytes + data.byteLength
    if (end > this.#arrived.byteLength) {
      const grown = new Uint8Array(Math.min(longestState, Math.max(end, 2 * this.#arrived.byteLength)))
      grown.set(this.#arrived.subarray(0, this.#arrivedBytes))
      this.#arrived = grown
    }
    this.#arrived.set(data, this.#arrivedBytes)
    this.#arrivedBytes = end
    return true
  }

  async #step(to: MigrationState): Promise<void> {
    const from = this.#state
    if (to === 'stop' && from === 'running') await this.#device.stop()
    else if (to === 'running' && from === 'stop') await this.#device.run()
    else if (to === 'stop' && from === 'resuming' && this.#arrivedBytes > 0)
      this.#device.load(this.#arrived.slice(0, this.#arrivedBytes))
    else if (to === 'stopCopy') {
      if (from === 'preCopy') await this.#device.stop()
      this.#saved = this.#device.save()
      this.#read = 0
    }
    if (to !== 'stopCopy') this.#forget()
    this.#state = to
  }

  #forget(): void {
    this.#saved = nothing
    this.#read = 0
    this.#arrived = nothing
    this.#arrivedBytes = 0
  }
}
