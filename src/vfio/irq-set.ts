import { type InterruptKind, interruptKinds } from '../function/interrupts.js'
import { vfioConstant } from './abi/constants.js'
import { IrqSet } from './abi/vfio-structs.js'

const actionFlag = {
  mask: vfioConstant.VFIO_IRQ_SET_ACTION_MASK,
  unmask: vfioConstant.VFIO_IRQ_SET_ACTION_UNMASK,
  trigger: vfioConstant.VFIO_IRQ_SET_ACTION_TRIGGER,
} as const

export type IrqSetRequest = { readonly kind: InterruptKind; readonly action: keyof typeof actionFlag } & (
  | { readonly data: 'none'; readonly count: number }
  /** One per vector from `start` on, 0 if not given; -1 takes a vector's away. */
  | { readonly data: 'eventfd'; readonly eventfds: readonly number[]; readonly start?: number }
)

/** The bytes of `struct vfio_irq_set`, its data included. */
export function encodeIrqSet(request: IrqSetRequest): Uint8Array {
  const eventfds = request.data === 'eventfd' ? request.eventfds : []
  const argsz = IrqSet.size + 4 * eventfds.length
  const dataFlag =
    request.data === 'eventfd' ? vfioConstant.VFIO_IRQ_SET_DATA_EVENTFD : vfioConstant.VFIO_IRQ_SET_DATA_NONE
  const bytes = new Uint8Array(argsz)
  IrqSet.encode(
    {
      argsz,
      flags: dataFlag | actionFlag[request.action],
      index: interruptKinds.indexOf(request.kind),
      start: request.data === 'eventfd' ? (request.start ?? 0) : 0,
      count: request.data === 'eventfd' ? eventfds.length : request.count,
    },
    bytes,
  )
  const data = new DataView(bytes.buffer, IrqSet.size)
  for (const [vector, eventfd] of eventfds.entries()) data.setInt32(4 * vector, eventfd, true)
  return bytes
}
