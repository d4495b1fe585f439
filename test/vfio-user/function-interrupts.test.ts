// What reaches the hardware of a client's interrupts where the hardware refuses.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { InterruptDestination, InterruptKind, Interrupts } from '../../src/function/interrupts.js'
import { FunctionInterrupts } from '../../src/vfio-user/server/function-interrupts.js'

type Descriptors = (number | undefined)[]

const fdOf = (destination: InterruptDestination | undefined): number | undefined =>
  destination !== undefined && 'eventfd' in destination ? destination.eventfd : undefined

/** As VFIO's: another number of vectors, or any vector of its own, and one of them may be refused. */
class RefusingInterrupts implements Interrupts {
  readonly canUnmaskByEventfd = true
  readonly enabled = new Map<InterruptKind, Descriptors>()
  unmaskedBy: number | undefined
  refused: number | undefined

  info() {
    return { count: 4, maskable: true, automasked: false, fixedSize: false }
  }

  enable(kind: InterruptKind, destinations: readonly (InterruptDestination | undefined)[]): void {
    if (this.enabled.get(kind)?.length !== destinations.length) this.disable(kind)
    const fds = destinations.map(fdOf)
    this.#check(fds)
    this.enabled.set(kind, fds)
  }

  retarget(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): void {
    this.#check([fdOf(destination)])
    const fds = this.enabled.get(kind)
    assert.ok(fds !== undefined && vector < fds.length)
    fds[vector] = fdOf(destination)
  }

  disable(kind: InterruptKind): void {
    this.enabled.delete(kind)
    if (kind === 'intx') this.unmaskedBy = undefined
  }

  unmask(): void {}

  unmaskBy(kind: InterruptKind, eventfd: number | undefined): void {
    assert.ok(this.enabled.has(kind))
    this.unmaskedBy = eventfd
  }

  #check(fds: Descriptors): void {
    if (this.refused !== undefined && fds.includes(this.refused)) throw new Error('refused')
  }
}

function served() {
  const hardware = new RefusingInterrupts()
  return { hardware, interrupts: new FunctionInterrupts(hardware, () => assert.fail('the kernel signals')) }
}

describe('interrupts that the hardware refuses', () => {
  it('leave the vectors before the refused one as they were', () => {
    const { hardware, interrupts } = served()
    interrupts.set('msix', [10, 11, 12])
    hardware.refused = 21
    assert.throws(() => interrupts.set('msix', [20, 21, 22]), /refused/)
    assert.deepEqual(hardware.enabled.get('msix'), [10, 11, 12])
  })

  it('leave as many vectors as there were, with their masks', () => {
    const { hardware, interrupts } = served()
    interrupts.set('msix', [10, 11])
    interrupts.mask('msix', 1, true)
    hardware.refused = 22
    assert.throws(() => interrupts.set('msix', [20, 21, 22]), /refused/)
    assert.deepEqual(hardware.enabled.get('msix'), [10, undefined])
    hardware.refused = undefined
    interrupts.set('msix', [30, 31])
    interrupts.mask('msix', 1, false)
    assert.deepEqual(hardware.enabled.get('msix'), [30, 31])
  })

  it('leave nothing where nothing was, and INTx unmasked by what unmasked it', () => {
    const { hardware, interrupts } = served()
    hardware.refused = 20
    assert.throws(() => interrupts.set('msi', [20]), /refused/)
    assert.equal(hardware.enabled.has('msi'), false)
    interrupts.set('intx', [10])
    interrupts.unmaskBy('intx', 15)
    assert.throws(() => interrupts.set('intx', [10, 20]), /refused/)
    assert.deepEqual(hardware.enabled.get('intx'), [10])
    assert.equal(hardware.unmaskedBy, 15)
  })
})
