// What of a virtio device goes to another process: what was negotiated, and how far each queue is. Requests are given back
// before a device is saved, so there are none in it.
import { struct } from '../../bits/struct.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { type CommonField, deviceStatus, noVector, queueWords } from './common-config.js'
import { isAcceptable, isQueueSize, offeredFeatures } from './negotiation-rules.js'
import type { VirtioDeclaration } from './virtio-device.js'

export interface QueueState {
  readonly size: number
  readonly vector: number
  readonly isEnabled: boolean
  readonly words: Partial<Record<CommonField, number>>
  readonly position: number
}

export interface NegotiationState {
  readonly accepted: bigint
  readonly status: number
  readonly configVector: number
  readonly device_feature_select: number
  readonly guest_feature_select: number
  readonly queue_select: number
  readonly queues: readonly QueueState[]
}

export interface VirtioState {
  readonly isr: number
  readonly negotiation: NegotiationState
  /** What the device itself keeps. */
  readonly own: Uint8Array
}

const version = 1

const Head = struct('virtio_state', {
  accepted: 'u64',
  version: 'u16',
  type: 'u16',
  queues: 'u16',
  configVector: 'u16',
  device_feature_select: 'u32',
  guest_feature_select: 'u32',
  queue_select: 'u32',
  status: 'u8',
  isr: 'u8',
  reserved: 'u16',
})

const Queue = struct('virtio_state_queue', {
  ...queueWords,
  size: 'u16',
  vector: 'u16',
  position: 'u16',
  isEnabled: 'u16',
})

export function encodeVirtioState(declaration: VirtioDeclaration, { isr, negotiation, own }: VirtioState): Uint8Array {
  const { queues, ...head } = negotiation
  const bytes = new Uint8Array(Head.size + queues.length * Queue.size + own.length)
  Head.encode({ ...head, isr, version, type: declaration.type, queues: queues.length }, bytes)
  queues.forEach(({ words, isEnabled, ...queue }, i) => {
    Queue.encode({ ...words, ...queue, isEnabled: isEnabled ? 1 : 0 }, bytes, Head.size + i * Queue.size)
  })
  bytes.set(own, bytes.length - own.length)
  return bytes
}

/** @throws QuiesceError `USAGE` if this device could not be in such a state, or the state is of another version */
export function decodeVirtioState(declaration: VirtioDeclaration, bytes: Uint8Array): VirtioState {
  const count = declaration.queueSizes.length
  const length = Head.size + count * Queue.size
  if (bytes.length < length) throw refused(`it has ${bytes.length} bytes`)
  const { version: found, type, queues, reserved, isr, ...head } = Head.decode(bytes)
  if (found !== version) throw refused(`it is of version ${found}`)
  if (type !== declaration.type || queues !== count) throw refused('it is of another device')
  if (reserved !== 0 || isr > 3) throw refused('a reserved bit is set')
  const negotiation = {
    ...head,
    queues: declaration.queueSizes.map((most, i) => queueState(bytes, Head.size + i * Queue.size, most, count)),
  }
  assertPossible(declaration, negotiation)
  return { isr, negotiation, own: bytes.subarray(length) }
}

function queueState(bytes: Uint8Array, at: number, most: number, queues: number): QueueState {
  const { size, vector, position, isEnabled, ...words } = Queue.decode(bytes, at)
  if (!isQueueSize(size, most)) throw refused(`a queue has ${size} entries`)
  if (!isVector(vector, queues)) throw refused(`a queue has vector ${vector}`)
  if (isEnabled > 1) throw refused('a reserved bit is set')
  return { size, vector, position, isEnabled: isEnabled === 1, words }
}

/** Vector 0 is for the configuration. */
const isVector = (vector: number, queues: number): boolean => vector <= queues || vector === noVector

function assertPossible(declaration: VirtioDeclaration, { accepted, status, configVector, queues }: NegotiationState) {
  const { acknowledge, driver, driverOk, featuresOk, needsReset, failed } = deviceStatus
  if ((status & ~(acknowledge | driver | driverOk | featuresOk | needsReset | failed)) !== 0) {
    throw refused(`its status is 0x${status.toString(16)}`)
  }
  const isAgreed = (status & (featuresOk | driverOk)) !== 0
  if (isAgreed && !isAcceptable(accepted, offeredFeatures(declaration))) throw refused('it has other features')
  if (!isVector(configVector, queues.length)) throw refused(`its configuration has vector ${configVector}`)
}

function refused(detail: string): QuiesceError {
  return new QuiesceError('USAGE', `Cannot restore a virtio device: ${detail}`)
}
