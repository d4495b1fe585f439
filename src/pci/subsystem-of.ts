import { subsystemOffset } from './capabilities/subsystem.js'
import { capabilityId } from './capability-ids.js'
import { findCapability } from './capability-walk.js'
import type { ConfigReader } from './config-reader.js'
import { cardbusOffset, HeaderType, headerLayout, headerOffset } from './header.js'

export interface Subsystem {
  readonly subsystemVendorId: number
  readonly subsystemId: number
}

/** The subsystem ids: in the header of endpoints and CardBus bridges, in a capability of other bridges. */
export function subsystemOf(reader: ConfigReader): Subsystem | undefined {
  const ids = (vendorAt: number, idAt: number): Subsystem | undefined =>
    idAt + 2 > reader.size
      ? undefined
      : { subsystemVendorId: reader.read(vendorAt, 2), subsystemId: reader.read(idAt, 2) }
  switch (HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout) {
    case headerLayout.endpoint:
      return ids(headerOffset.subsystemVendorId, headerOffset.subsystemId)
    case headerLayout.cardbus:
      return ids(cardbusOffset.subsystemVendorId, cardbusOffset.subsystemId)
    case headerLayout.bridge: {
      const at = findCapability(reader, capabilityId.subsystemId)
      return at === undefined ? undefined : ids(at + subsystemOffset.vendorId, at + subsystemOffset.id)
    }
    default:
      return undefined
  }
}
