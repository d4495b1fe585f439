// The two registers by which a guest resets its function: Initiate FLR in Device Control (PCIe 6.0 7.5.3.4) and in
// Advanced Features. Writes come in any width and at any byte.
import type { ConfigSpace } from '../../function/config-space.js'
import { AfCapabilities, AfControl, afOffset } from '../../pci/capabilities/af.js'
import { DeviceCapabilities, DeviceControl, pcieOffset } from '../../pci/capabilities/pcie.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { findCapability } from '../../pci/capability-walk.js'

interface ResetBit {
  /** Of the byte in config space. */
  readonly at: number
  readonly mask: number
}

export class FlrWatch {
  readonly #bits: readonly ResetBit[]

  constructor(config: ConfigSpace) {
    this.#bits = findBits(config)
  }

  isAskedFor(offset: number, bytes: Uint8Array): boolean {
    return this.#bits.some(({ at, mask }) => ((bytes[at - offset] ?? 0) & mask) !== 0)
  }

  /** The same write without the bits. */
  without(offset: number, bytes: Uint8Array): Uint8Array {
    const rest = bytes.slice()
    for (const { at, mask } of this.#bits) {
      const index = at - offset
      if (index >= 0 && index < rest.byteLength) rest[index] = (rest[index] ?? 0) & ~mask
    }
    return rest
  }
}

function findBits(config: ConfigSpace): readonly ResetBit[] {
  const bits: ResetBit[] = []
  try {
    const pcie = findCapability(config, capabilityId.pcie)
    if (pcie !== undefined && DeviceCapabilities.decode(config.read(pcie + pcieOffset.deviceCapabilities, 4)).flr) {
      // Bit 15 of a register of 16 bits: bit 7 of its second byte.
      bits.push({ at: pcie + pcieOffset.deviceControl + 1, mask: DeviceControl.mask('initiateFlr') >> 8 })
    }
    const af = findCapability(config, capabilityId.af)
    if (af !== undefined && AfCapabilities.decode(config.read(af + afOffset.capabilities, 1)).flr) {
      bits.push({ at: af + afOffset.control, mask: AfControl.mask('initiateFlr') })
    }
  } catch {
    // A device that does not answer has no registers to watch.
  }
  return bits
}
