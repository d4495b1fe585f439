// DEVICE_GET_INFO and DEVICE_GET_IRQ_INFO: a struct each way. `argsz` is the room for the reply in the request, and what
// the reply would take in the reply.
import { payload } from '../payload.js'
import { argszAtLeast } from '../rules.js'
import { DeviceInfo, IrqInfo } from '../structs.js'

/** Both ways. Only `argsz` means anything in the request. */
export const deviceInfo = payload(DeviceInfo, { rules: [argszAtLeast(DeviceInfo.size)] })

/** Both ways. Only `argsz` and `index` mean anything in the request. */
export const irqInfo = payload(IrqInfo, { rules: [argszAtLeast(IrqInfo.size)] })
