// Interrupts of somebody else's device: eventfds that the server signals.
import { QuiesceError } from '../../errors/quiesce-error.js'
import {
  type InterruptDestination,
  type InterruptInfo,
  type InterruptKind,
  type Interrupts,
  interruptKinds,
} from '../../function/interrupts.js'
import { EventFd } from '../../linux/eventfd.js'
import { IrqInfoFlags, IrqSetFlags } from '../messages/flags.js'
import { IrqInfo, IrqSet } from '../messages/structs.js'
import type { ClientConnection } from './connection.js'
import type { ResetGate } from './reset-gate.js'

interface Vector {
  readonly fd: number | undefined
  /** Ours, where the destination is a callback. */
  readonly own: EventFd | undefined
}

/** What PCI has room for: MSI 3.0 6.8.1.3, MSI-X 6.8.2.3. A server that offers more offers what there cannot be. */
const mostVectors: Readonly<Record<InterruptKind, number>> = { intx: 1, msi: 32, msix: 2048, err: 1, req: 1 }

const noVector: Vector = { fd: undefined, own: undefined }
const assign = IrqSetFlags.mask('dataEventfd', 'actionTrigger')
const none = IrqSetFlags.mask('dataNone', 'actionTrigger')
const unmaskNow = IrqSetFlags.mask('dataNone', 'actionUnmask')
const unmaskByFd = IrqSetFlags.mask('dataEventfd', 'actionUnmask')

export class RemoteInterrupts implements Interrupts {
  readonly canUnmaskByEventfd = true
  readonly #connection: ClientConnection
  readonly #gate: ResetGate
  readonly #infos: Readonly<Record<InterruptKind, InterruptInfo>>
  readonly #enabled = new Map<InterruptKind, Vector[]>()

  constructor(connection: ClientConnection, gate: ResetGate) {
    this.#connection = connection
    this.#gate = gate
    const infos = interruptKinds.map((kind, index) => [kind, readInfo(connection, index, mostVectors[kind])])
    this.#infos = Object.fromEntries(infos) as Record<InterruptKind, InterruptInfo>
  }

  info(kind: InterruptKind): InterruptInfo {
    return this.#infos[kind]
  }

  enable(kind: InterruptKind, destinations: readonly (InterruptDestination | undefined)[]): void {
    const { count } = this.info(kind)
    if (destinations.length === 0 || destinations.length > count) {
      throw this.#misuse(`enable ${destinations.length} ${kind} vectors`, `it has ${count}`)
    }
    this.#gate.enter(`enable ${kind}`, 'BUSY')
    const vectors = destinations.map((destination) => open(destination))
    const before = this.#enabled.get(kind)
    try {
      if (before !== undefined && before.length !== vectors.length) this.#set(kind, none, 0, 0)
      for (const { start, run } of runs(vectors, this.#connection.terms.peerMaxMessageFds)) {
        const fds = run.flatMap(({ fd }) => (fd === undefined ? [] : [fd]))
        this.#set(kind, assign, start, run.length, fds)
      }
    } catch (error) {
      closeAll(vectors)
      throw error
    }
    this.#enabled.set(kind, vectors)
    // What was signalled before, and nobody has looked at, is not lost.
    for (const [vector, { own }] of (before ?? []).entries()) if (hasSignal(own)) callNow(destinations[vector])
    closeAll(before ?? [])
  }

  retarget(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): void {
    const vectors = this.#enabled.get(kind)
    const before = vectors?.[vector]
    if (vectors === undefined || before === undefined) {
      throw this.#misuse(`retarget vector ${vector} of ${kind}`, 'it is not enabled')
    }
    this.#gate.enter(`retarget ${kind}`, 'BUSY')
    const after = open(destination)
    try {
      this.#set(kind, assign, vector, 1, after.fd === undefined ? [] : [after.fd])
    } catch (error) {
      closeAll([after])
      throw error
    }
    vectors[vector] = after
    if (hasSignal(before.own)) callNow(destination)
    closeAll([before])
  }

  disable(kind: InterruptKind): void {
    const vectors = this.#enabled.get(kind)
    if (vectors === undefined) return
    this.#gate.enter(`disable ${kind}`, 'BUSY')
    this.#set(kind, none, 0, 0)
    this.#enabled.delete(kind)
    closeAll(vectors)
  }

  unmask(kind: InterruptKind): void {
    this.#gate.enter(`unmask ${kind}`, 'BUSY')
    this.#set(kind, unmaskNow, 0, 1)
  }

  unmaskBy(kind: InterruptKind, eventfd: number | undefined): void {
    if (kind !== 'intx') {
      throw new QuiesceError('UNSUPPORTED', `Cannot unmask ${kind} by an eventfd: only INTx is masked at delivery`)
    }
    if (!this.#enabled.has(kind)) throw this.#misuse(`unmask ${kind} by an eventfd`, 'it is not enabled')
    this.#gate.enter(`unmask ${kind}`, 'BUSY')
    this.#set(kind, unmaskByFd, 0, 1, eventfd === undefined ? [] : [eventfd])
  }

  /** The connection is over: nobody signals any more. */
  close(): void {
    for (const vectors of this.#enabled.values()) closeAll(vectors)
    this.#enabled.clear()
  }

  #set(kind: InterruptKind, flags: number, start: number, count: number, fds: readonly number[] = []): void {
    const payload = { argsz: IrqSet.size, flags, index: interruptKinds.indexOf(kind), start, count }
    this.#connection.ask('DEVICE_SET_IRQS', payload, { code: 'SYSTEM', action: `set up ${kind}` }, fds)
  }

  #misuse(action: string, detail: string): QuiesceError {
    const { address } = this.#connection
    return new QuiesceError('USAGE', `Cannot ${action} of ${address}: ${detail}`, { device: address })
  }
}

function readInfo(connection: ClientConnection, index: number, most: number): InterruptInfo {
  const request = { argsz: IrqInfo.size, flags: 0, index, count: 0 }
  const outcome = connection.try('DEVICE_GET_IRQ_INFO', request)
  const count = outcome.ok ? Math.min(outcome.payload.count, most) : 0
  const { maskable, automasked, noresize } = IrqInfoFlags.decode(outcome.ok ? outcome.payload.flags : 0)
  return { count, maskable, automasked, fixedSize: noresize }
}

function open(destination: InterruptDestination | undefined): Vector {
  if (destination === undefined) return noVector
  if ('eventfd' in destination) return { fd: destination.eventfd, own: undefined }
  const own = new EventFd()
  own.onSignal(destination.signal)
  return { fd: own.fd, own }
}

function hasSignal(eventfd: EventFd | undefined): boolean {
  return eventfd !== undefined && eventfd.take() > 0n
}

function callNow(destination: InterruptDestination | undefined): void {
  if (destination !== undefined && 'signal' in destination) destination.signal()
}

function closeAll(vectors: readonly Vector[]): void {
  for (const { own } of vectors) own?.[Symbol.dispose]()
}

/** Neighbours that go in one message: all with a descriptor, no more than the server takes, or all without. */
function* runs(vectors: readonly Vector[], most: number) {
  for (let start = 0; start < vectors.length; ) {
    const has = vectors[start]?.fd !== undefined
    let end = start + 1
    while (end < vectors.length && (vectors[end]?.fd !== undefined) === has && (!has || end - start < most)) end++
    yield { start, run: vectors.slice(start, end) }
    start = end
  }
}
