// Where the BARs are in the guest. They are there only while the guest lets them decode and the device is in D0; of
// several only those that changed are touched, and what goes away goes before anything comes.
import { Command } from '../../pci/command.js'
import { release } from '../attempt-all.js'
import { type DeviceEvents, reasonOf } from '../device-event.js'
import { type DeviceState, isUsable } from '../device-state.js'
import type { Vmm } from '../vmm.js'
import { BarAccess, type EmulatedWindow } from './bar-access.js'
import { type BarPiece, barPieces } from './bar-pieces.js'
import { assignedAddress } from './bar-registers.js'
import type { BarShape } from './bar-shape.js'

/** Lets other devices reach the mapped parts of a BAR while it is in the guest; undefined where none can be shared. */
export type ShareBar = (shape: BarShape, pieces: readonly BarPiece[], address: bigint) => Disposable | undefined

interface Placement {
  readonly address: bigint
  readonly holds: readonly Disposable[]
}

interface PlaceableBar {
  readonly shape: BarShape
  readonly pieces: readonly BarPiece[]
  readonly access: BarAccess
  placement: Placement | undefined
}

/** A BAR as it is placed now. */
export interface PlacedBar {
  readonly shape: BarShape
  readonly pieces: readonly BarPiece[]
  readonly address: bigint | undefined
}

const memorySpace = Command.mask('memorySpace')
const ioSpace = Command.mask('ioSpace')

export class BarPlacements {
  readonly #vmm: Vmm
  readonly #state: DeviceState
  readonly #events: DeviceEvents
  readonly #bars: readonly PlaceableBar[]
  readonly #share: ShareBar | undefined

  constructor(
    vmm: Vmm,
    state: DeviceState,
    events: DeviceEvents,
    shapes: readonly BarShape[],
    windows: readonly EmulatedWindow[],
    share?: ShareBar,
  ) {
    this.#share = share
    this.#vmm = vmm
    this.#state = state
    this.#events = events
    this.#bars = shapes.map((shape) => {
      const own = windows.filter(({ bar }) => bar === shape.index)
      return {
        shape,
        pieces: barPieces(shape, vmm.pageSize, own),
        access: new BarAccess(shape, own, state, events),
        placement: undefined,
      }
    })
  }

  /** Brings the guest's address space in line with the state. */
  apply(): void {
    // Asked anew for each: the VMM may change the state by calling back, and that has done its part then.
    for (const bar of this.#bars) {
      if (bar.placement?.address !== this.#wantedAddress(bar.shape)) this.#removeReporting(bar)
    }
    for (const bar of this.#bars) {
      const address = this.#wantedAddress(bar.shape)
      if (address !== undefined && bar.placement === undefined) this.#place(bar, address)
    }
  }

  /** Takes every BAR out of the guest, whatever the state says. Throws the VMM's first failure, once all were tried. */
  withdraw(): void {
    const holds = this.#bars.flatMap((bar) => bar.placement?.holds ?? [])
    for (const bar of this.#bars) bar.placement = undefined
    release(holds)
  }

  get placed(): readonly PlacedBar[] {
    return this.#bars.map(({ shape, pieces, placement }) => ({ shape, pieces, address: placement?.address }))
  }

  #wantedAddress(shape: BarShape): bigint | undefined {
    const { command, powerState } = this.#state
    const enable = shape.kind === 'io' ? ioSpace : memorySpace
    if (!isUsable(this.#state) || powerState !== 0 || (command & enable) === 0) return undefined
    return assignedAddress(shape, this.#state)
  }

  #place(bar: PlaceableBar, address: bigint): void {
    const holds: Disposable[] = []
    const placement = { address, holds }
    bar.placement = placement
    // Taken away again by a call of the VMM in between: what comes now is given back at once.
    const isStale = (): boolean => bar.placement !== placement
    const keep = (hold: Disposable | undefined): void => {
      if (isStale()) hold?.[Symbol.dispose]()
      else if (hold !== undefined) holds.push(hold)
    }
    try {
      for (const piece of bar.pieces) if (!isStale()) keep(this.#hold(bar, piece, address + piece.offset))
      // Given back first: the others must not reach what is no longer there.
      if (!isStale()) keep(this.#share?.(bar.shape, bar.pieces, address))
    } catch (error) {
      this.#events.report({ kind: 'bar-not-placed', bar: bar.shape.index, address, reason: reasonOf(error) })
      if (!isStale()) this.#removeReporting(bar)
    }
  }

  #hold({ shape, access }: PlaceableBar, piece: BarPiece, at: bigint): Disposable {
    const { file, writable } = shape.region
    if (piece.how === 'mapped' && file !== undefined) {
      return this.#vmm.map(at, { fd: file.fd, offset: file.offset + piece.offset, size: piece.size, writable })
    }
    const base = piece.offset
    return this.#vmm.trap(shape.kind === 'io' ? 'port' : 'memory', at, piece.size, {
      read: (offset, into) => access.read(base + offset, into),
      write: (offset, from) => access.write(base + offset, from),
    })
  }

  #removeReporting(bar: PlaceableBar): void {
    const { placement, shape } = bar
    bar.placement = undefined
    if (placement === undefined) return
    try {
      release(placement.holds)
    } catch (error) {
      const { address } = placement
      this.#events.report({ kind: 'bar-not-withdrawn', bar: shape.index, address, reason: reasonOf(error) })
    }
  }
}
