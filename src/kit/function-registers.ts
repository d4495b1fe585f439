// The registers of config space that decide what a function may do, read and acted upon in one place: every maker of
// devices has them, the kit's and the simulator's.
import { AfControl, AfStatus, afOffset } from '../pci/capabilities/af.js'
import { MsiControl, msiOffset } from '../pci/capabilities/msi.js'
import { MsixControl, msixOffset } from '../pci/capabilities/msix.js'
import { DeviceCapabilities, DeviceControl, DeviceStatus, pcieOffset } from '../pci/capabilities/pcie.js'
import { PmControlStatus, pmOffset } from '../pci/capabilities/pm.js'
import { capabilityId } from '../pci/capability-ids.js'
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import type { ConfigDeclaration } from './config-declaration.js'
import { layoutConfig } from './config-layout.js'
import type { ConfigRegisters } from './config-registers.js'

// Looked at with every request of a device, so not decoded field by field.
const busMasterMask = Command.mask('busMaster')
const powerStateMask = PmControlStatus.mask('powerState')

export class FunctionRegisters {
  readonly declaration: ConfigDeclaration
  readonly config: ConfigRegisters
  readonly #spaceOf: ReadonlyMap<number, 'memorySpace' | 'ioSpace'>

  constructor(declaration: ConfigDeclaration) {
    this.declaration = declaration
    this.config = layoutConfig(declaration)
    this.#spaceOf = new Map(
      declaration.bars.map(({ index, kind }) => [index, kind === 'io' ? 'ioSpace' : 'memorySpace'] as const),
    )
  }

  get command(): number {
    return this.config.read(headerOffset.command, 2)
  }

  get busMaster(): boolean {
    return (this.command & busMasterMask) !== 0
  }

  /** Where PMCSR is, if there is one. */
  get pmcsr(): number | undefined {
    const at = this.#capability('pm')
    return at === undefined ? undefined : at + pmOffset.controlStatus
  }

  /** 0 for D0 to 3 for D3hot. */
  get powerState(): number {
    const at = this.pmcsr
    return at === undefined ? 0 : this.config.read(at, 2) & powerStateMask
  }

  get noSoftReset(): boolean {
    const at = this.pmcsr
    return at === undefined || PmControlStatus.decode(this.config.read(at, 2)).noSoftReset
  }

  get hasFlr(): boolean {
    const at = this.#capability('pcie')
    return at !== undefined && DeviceCapabilities.decode(this.config.read(at + pcieOffset.deviceCapabilities, 4)).flr
  }

  /** Whether an access to this BAR is the function's, by Command. */
  decodes(bar: number): boolean {
    // Memory Space Enable of a virtual function is in its physical function's SR-IOV capability (VF MSE).
    if (this.declaration.isVirtualFunction === true) return true
    return (this.command & Command.mask(this.#spaceOf.get(bar) ?? 'memorySpace')) !== 0
  }

  isEnabled(kind: 'msi' | 'msix'): boolean {
    const at = this.#capability(kind)
    if (at === undefined) return false
    return kind === 'msi'
      ? MsiControl.decode(this.config.read(at + msiOffset.control, 2)).enable
      : MsixControl.decode(this.config.read(at + msixOffset.control, 2)).enable
  }

  /** How many vectors of a kind there are. */
  vectors(kind: 'msi' | 'msix'): number {
    const at = this.#capability(kind)
    if (at === undefined) return 0
    return kind === 'msi'
      ? 1 << MsiControl.decode(this.config.read(at + msiOffset.control, 2)).multipleCapable
      : MsixControl.decode(this.config.read(at + msixOffset.control, 2)).tableSize + 1
  }

  /** How many vectors of MSI software allows; messages of the others use the last bits of an allowed one. */
  get msiAllowed(): number {
    const at = this.#capability('msi')
    return at === undefined ? 0 : 1 << MsiControl.decode(this.config.read(at + msiOffset.control, 2)).multipleEnable
  }

  /** Which reset a config write asks for. */
  resetAskedBy(offset: number, width: number, value: number): 'flr' | 'af_flr' | undefined {
    const written = (at: number): number =>
      at >= offset && at < offset + width ? (value >>> (8 * (at - offset))) & 0xff : 0
    const pcie = this.#capability('pcie')
    if (pcie !== undefined && this.hasFlr) {
      const high = written(pcie + pcieOffset.deviceControl + 1)
      if (((high << 8) & DeviceControl.mask('initiateFlr')) !== 0) return 'flr'
    }
    const af = this.#capability('af')
    const asked = af !== undefined && (written(af + afOffset.control) & AfControl.mask('initiateFlr')) !== 0
    return asked ? 'af_flr' : undefined
  }

  /** Shows Transactions Pending wherever the function has it. */
  showPending(transactionsPending: boolean): void {
    const pcie = this.#capability('pcie')
    if (pcie !== undefined) {
      const at = pcie + pcieOffset.deviceStatus
      this.config.force(at, 2, DeviceStatus.encode({ transactionsPending }, this.config.read(at, 2)))
    }
    const af = this.#capability('af')
    if (af !== undefined) this.config.force(af + afOffset.status, 1, AfStatus.encode({ transactionsPending }))
  }

  #capability(kind: 'pm' | 'msi' | 'msix' | 'pcie' | 'af'): number | undefined {
    return this.config.capabilities.get(capabilityId[kind])
  }
}
