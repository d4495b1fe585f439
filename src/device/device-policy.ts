// What the owner of an assigned device decides. Data.
import { capabilityId, extendedCapabilityId } from '../pci/capability-ids.js'

export interface HiddenCapabilities {
  readonly standard: readonly (keyof typeof capabilityId)[]
  readonly extended: readonly (keyof typeof extendedCapabilityId)[]
}

export interface DevicePolicy {
  /** Capabilities that the guest must not see, beside those that no guest can use. */
  readonly hide: HiddenCapabilities
  /** Show the Multi-Function Device bit as the hardware has it. Off, since the guest sees this function alone. */
  readonly keepMultiFunctionBit: boolean
  /** Show the expansion ROM. */
  readonly rom: boolean
  /**
   * Leave Memory Space Enable on in the hardware while the guest has it off: guests toggle it for every BAR that they
   * size, and each time the kernel tears down and rebuilds what it has mapped. The guest sees no difference.
   */
  readonly keepMemoryEnabled: boolean
  /** BARs by index whose address the guest cannot choose: the host's own, or a fixed one. */
  readonly pinnedBars: Readonly<Record<number, 'host' | bigint>>
  /**
   * Take part in peer to peer: other devices of the guest that do reach this one's BARs by DMA, as far as the kernel can
   * share them, and this one reaches theirs. Off, since a device can then disturb another without the guest's CPUs.
   */
  readonly peerToPeer: boolean
}

export const defaultDevicePolicy: DevicePolicy = {
  hide: { standard: [], extended: [] },
  keepMultiFunctionBit: false,
  rom: true,
  keepMemoryEnabled: false,
  pinnedBars: {},
  peerToPeer: false,
}

/**
 * Never shown. SR-IOV and ARI make functions that the guest does not have; Resizable BAR changes sizes under the
 * mappings of host and guest.
 */
const neverShown: HiddenCapabilities = {
  standard: [],
  extended: ['sriov', 'ari', 'resizableBar', 'vfResizableBar'],
}

export interface HiddenIds {
  readonly standard: ReadonlySet<number>
  readonly extended: ReadonlySet<number>
}

/** Ids of all capabilities that are hidden under a policy. */
export function hiddenIds(policy: DevicePolicy): HiddenIds {
  return {
    standard: new Set([...neverShown.standard, ...policy.hide.standard].map((name) => capabilityId[name])),
    extended: new Set([...neverShown.extended, ...policy.hide.extended].map((name) => extendedCapabilityId[name])),
  }
}
