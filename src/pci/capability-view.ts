import type { CapabilityView } from './capabilities/capability-definition.js'
import { PcieCapabilities, pcieOffset } from './capabilities/pcie.js'
import { capabilityId } from './capability-ids.js'
import { type CapabilityEntry, findCapability } from './capability-walk.js'
import type { ConfigReader } from './config-reader.js'
import { HeaderType, headerOffset } from './header.js'

/** What all capabilities of one function have in common. */
export interface FunctionKind {
  readonly headerLayout: number
  readonly portType: number | undefined
}

export function functionKind(reader: ConfigReader): FunctionKind {
  const pcie = findCapability(reader, capabilityId.pcie)
  const readable = pcie !== undefined && pcie + pcieOffset.capabilities + 2 <= reader.size
  return {
    headerLayout: HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout,
    portType: readable ? PcieCapabilities.decode(reader.read(pcie + pcieOffset.capabilities, 2)).portType : undefined,
  }
}

/** A capability as the tables see it. */
export function capabilityView(reader: ConfigReader, entry: CapabilityEntry, kind: FunctionKind): CapabilityView {
  return {
    ...kind,
    offset: entry.offset,
    version: entry.version ?? 0,
    read(offset, width) {
      const at = entry.offset + offset
      return at + width <= reader.size ? reader.read(at, width) : 0
    },
  }
}
