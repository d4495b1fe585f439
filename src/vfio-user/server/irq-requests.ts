// DEVICE_SET_IRQS, of which the codec has checked what can be checked without the device.
import { type InterruptKind, interruptKinds } from '../../function/interrupts.js'
import { isEventfd } from '../../linux/signal-eventfd.js'
import type { RequestPayload } from '../messages/commands.js'
import { IrqSetFlags } from '../messages/flags.js'
import type { ArrivedFds } from '../transport/arrived-fds.js'
import { type Answer, done, refusalOf, refuse } from './answer.js'
import type { Session } from './session.js'

type Payload = RequestPayload<'DEVICE_SET_IRQS'>

export function setIrqs(payload: Payload, session: Session, fds: ArrivedFds): Answer<'DEVICE_SET_IRQS'> {
  const { index, start, count, flags } = payload
  const kind = interruptKinds[index]
  if (kind === undefined) return refuse('EINVAL', `interrupt index ${index}`)
  const { count: most } = session.interrupts.info(kind)
  if (start >= most || start + count > most)
    return refuse('EINVAL', `${count} of ${most} ${kind} vectors from ${start}`)
  const { actionTrigger } = IrqSetFlags.decode(flags)
  try {
    return actionTrigger ? trigger(kind, payload, session, fds) : setMask(kind, payload, session, fds)
  } catch (error) {
    return refusalOf(error)
  }
}

function trigger(
  kind: InterruptKind,
  payload: Payload,
  { interrupts }: Session,
  fds: ArrivedFds,
): Answer<'DEVICE_SET_IRQS'> {
  const { start, count, flags } = payload
  const { dataEventfd } = IrqSetFlags.decode(flags)
  if (count === 0) interrupts.disable(kind)
  else if (dataEventfd) {
    if (fds.count > 0 && !areEventfds(fds)) return refuse('EINVAL', 'a descriptor is no eventfd')
    const files = Array.from({ length: count }, (_, each) => fds.take(each))
    try {
      interrupts.assign(kind, start, files)
    } catch (error) {
      for (const file of files) file?.[Symbol.dispose]()
      throw error
    }
  } else for (const vector of chosen(payload)) interrupts.trigger(kind, vector)
  return done
}

function setMask(
  kind: InterruptKind,
  payload: Payload,
  { interrupts }: Session,
  fds: ArrivedFds,
): Answer<'DEVICE_SET_IRQS'> {
  const { dataEventfd, actionUnmask } = IrqSetFlags.decode(payload.flags)
  if (dataEventfd) {
    // Only INTx has it, and only to be unmasked (vfio_pci_set_intx_unmask): KVM's resample eventfd.
    if (!actionUnmask || kind !== 'intx') return refuse('ENOTSUP', `${kind} is not masked by an eventfd`)
    if (fds.count > 0 && !areEventfds(fds)) return refuse('EINVAL', 'a descriptor is no eventfd')
    const file = fds.take(0)
    try {
      interrupts.unmaskBy(kind, file)
    } catch (error) {
      file?.[Symbol.dispose]()
      throw error
    }
    return done
  }
  for (const vector of chosen(payload)) {
    if (actionUnmask) interrupts.unmask(kind, vector)
    else interrupts.mask(kind, vector)
  }
  return done
}

function areEventfds(fds: ArrivedFds): boolean {
  return fds.every(isEventfd)
}

/** The vectors that the data picks. */
function* chosen({ start, count, bools }: Payload) {
  for (let each = 0; each < count; each++) if (bools === undefined || bools[each] !== 0) yield start + each
}
