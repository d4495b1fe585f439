// What the kernel knows of a device that was opened through VFIO: its own copies, which decide what the owner sees.
import { type ErrorCode, QuiesceError } from '../../errors/quiesce-error.js'
import { Command } from '../../pci/command.js'
import { headerOffset } from '../../pci/header.js'
import type { ResetKind } from '../ledger-entry.js'
import type { SimulatedHardware } from '../simulated-hardware.js'
import { kernelResetMethods } from './reset-methods.js'
import type { SavedState } from './saved-state.js'

export interface KernelDeviceOptions {
  /** What `reset_method` in sysfs allows; all that are there, if not given. */
  readonly resetMethods?: readonly ResetKind[]
  /** Virtual microseconds that an access to the device takes. */
  readonly accessUs: number
}

const eio = { errno: 5, errnoName: 'EIO' } as const

/** An open VFIO device, as the kernel keeps it. */
export class KernelDevice {
  readonly address: string
  readonly hardware: SimulatedHardware
  readonly methods: readonly ResetKind[]
  readonly accessUs: number
  /** `VFIO_DEVICE_FLAGS_RESET`: decided when the device is opened. */
  readonly resetWorks: boolean
  /** Decided at open: NoSoftRst is 0, so a soft reset must be followed by a restore. */
  readonly needsPowerRestore: boolean
  /** The kernel's copy of Memory Space Enable: follows writes by the owner that start at Command. */
  memoryEnabled: boolean
  /** The power state that the kernel believes in. */
  powerState = 0
  powerSave: SavedState | undefined
  /** Called when the owner writes Command, with Interrupt Disable as it wrote it. */
  onIntxDisable: (isDisabled: boolean) => void = () => {}
  isResetting = false
  isClosed = false

  constructor(address: string, hardware: SimulatedHardware, options: KernelDeviceOptions) {
    this.address = address
    this.hardware = hardware
    this.accessUs = options.accessUs
    this.methods = kernelResetMethods
      .filter((method) => method.isThere(hardware) && (options.resetMethods?.includes(method.name) ?? true))
      .map((method) => method.name)
    this.resetWorks = this.methods.length > 0 && !hardware.faults.get('reset-unsupported')
    this.needsPowerRestore = !hardware.noSoftReset
    this.memoryEnabled = this.#open()
  }

  /** pci_clear_master and pci_enable_device: decoders on for the BARs that there are, Bus Master off. */
  #open(): boolean {
    const before = this.hardware.command
    const enabled = Command.encode({ memorySpace: true, ioSpace: true, busMaster: false, intxDisable: false }, before)
    this.hardware.writeConfig(headerOffset.command, 2, enabled, 'kernel')
    return Command.decode(this.hardware.command).memorySpace
  }

  /** What stands before every access to config space or a region. @throws QuiesceError if it could not go ahead */
  guard(code: 'CONFIG_ACCESS' | 'REGION_ACCESS', what: string): void {
    this.assertNotResetting(code, what)
    this.hardware.clock.advance(this.accessUs)
  }

  /** @throws QuiesceError `code` during a reset, `CLOSED` */
  assertNotResetting(code: ErrorCode, what: string): void {
    this.assertOpen(what)
    if (!this.isResetting) return
    // A real kernel would block the caller here, and with it the whole process, until the reset is over.
    this.hardware.ledger.misuse(`${what} while a reset was running in the kernel`)
    throw new QuiesceError(code, `Cannot ${what} of ${this.address}: the kernel is resetting it`, {
      device: this.address,
      hint: 'Wait for the reset to end',
    })
  }

  assertOpen(what: string): void {
    if (!this.isClosed) return
    throw new QuiesceError('CLOSED', `Cannot ${what}: ${this.address} is closed`, { device: this.address })
  }

  failure(code: 'CONFIG_ACCESS' | 'REGION_ACCESS', message: string): QuiesceError {
    return new QuiesceError(code, message, { device: this.address, ...eio })
  }
}
