// Which request is dealt with where.
import type { CommandName, RequestPayload } from '../messages/commands.js'
import type { Reply, Request } from '../messages/message.js'
import type { ArrivedFds } from '../transport/arrived-fds.js'
import { readRegion, writeRegion, writeRegions } from './access-requests.js'
import { type Answer, refusalOf, refuse } from './answer.js'
import { mapMemory, unmapMemory } from './dma-requests.js'
import { deviceFeature, readMigrationData, writeMigrationData } from './feature-requests.js'
import { deviceInfo, irqInfo, regionInfo, regionIoFds } from './info-requests.js'
import { setIrqs } from './irq-requests.js'
import { resetDevice } from './reset-request.js'
import type { Session } from './session.js'

type Handler<N extends CommandName> = (
  payload: RequestPayload<N>,
  session: Session,
  fds: ArrivedFds,
) => Answer<N> | Promise<Answer<N>>

/** VERSION is the server's own, and DMA_READ and DMA_WRITE are for the client. */
const handlers: { readonly [N in Exclude<CommandName, 'VERSION' | 'DMA_READ' | 'DMA_WRITE'>]: Handler<N> } = {
  DMA_MAP: mapMemory,
  DMA_UNMAP: unmapMemory,
  DEVICE_GET_INFO: deviceInfo,
  DEVICE_GET_REGION_INFO: regionInfo,
  DEVICE_GET_REGION_IO_FDS: regionIoFds,
  DEVICE_GET_IRQ_INFO: irqInfo,
  DEVICE_SET_IRQS: setIrqs,
  REGION_READ: readRegion,
  REGION_WRITE: writeRegion,
  DEVICE_RESET: resetDevice,
  REGION_WRITE_MULTI: writeRegions,
  DEVICE_FEATURE: deviceFeature,
  MIG_DATA_READ: readMigrationData,
  MIG_DATA_WRITE: writeMigrationData,
}

/** Deals with a request of a client and answers it. Never throws. */
export function answerRequest(request: Request, session: Session, fds: ArrivedFds): void | Promise<void> {
  const handler = (handlers as Partial<Record<CommandName, Handler<CommandName>>>)[request.command]
  if (handler === undefined) return send(request, refuse('EINVAL', 'not for this side'), session)
  try {
    const answer = handler(request.payload as RequestPayload<CommandName>, session, fds)
    if (!(answer instanceof Promise)) return send(request, answer, session)
    return answer
      .catch(refusalOf)
      .then((settled) => send(request, settled, session))
      .catch((error: unknown) => send(request, refusalOf(error), session))
  } catch (error) {
    return send(request, refusalOf(error), session)
  }
}

function send(request: Request, answer: Answer<CommandName>, { channel, report }: Session): void {
  const { id, command } = request
  if (!answer.ok) report({ kind: 'refused', command, errno: answer.errno, reason: answer.reason })
  if (request.noReply) return
  if (!answer.ok) {
    channel.send({ kind: 'error', id, command, errno: answer.errno })
    return
  }
  const { payload, fds = [] } = answer
  channel.send({ kind: 'reply', id, command, fds: fds.length, payload } as unknown as Reply, fds)
}
