import { QuiesceError } from '../../errors/quiesce-error.js'
import {
  type InterruptDestination,
  type InterruptInfo,
  type InterruptKind,
  type Interrupts,
  interruptKinds,
} from '../../function/interrupts.js'
import { MsiControl, msiOffset } from '../../pci/capabilities/msi.js'
import { MsixControl, msixOffset } from '../../pci/capabilities/msix.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { headerOffset } from '../../pci/header.js'
import type { SignalKind } from '../interrupt-lines.js'
import type { KernelDevice } from './kernel-device.js'

type Destinations = readonly (InterruptDestination | undefined)[]

/** The kinds of which only one can be enabled at a time (one `irq_type` per device). */
const exclusive: readonly InterruptKind[] = ['intx', 'msi', 'msix']

const messageControls = {
  msi: { id: capabilityId.msi, offset: msiOffset.control, enable: MsiControl.mask('enable') },
  msix: { id: capabilityId.msix, offset: msixOffset.control, enable: MsixControl.mask('enable') },
}

/** Interrupts as `VFIO_DEVICE_SET_IRQS` sets them up. Destinations are callbacks: there is no kernel to signal an eventfd. */
export class KernelInterrupts implements Interrupts {
  readonly #device: KernelDevice
  readonly #enabled = new Map<InterruptKind, Destinations>()
  readonly canUnmaskByEventfd = false
  #isIntxMasked = false
  #isIntxDisabled = false

  constructor(device: KernelDevice) {
    this.#device = device
    device.hardware.lines.sink = (kind, vector) => this.#deliver(kind, vector)
    device.onIntxDisable = (isDisabled) => this.#disableIntx(isDisabled)
  }

  info(kind: InterruptKind): InterruptInfo {
    const { config } = this.#device.hardware
    const msix = config.capabilities.get(capabilityId.msix)
    const counts: Readonly<Record<InterruptKind, number>> = {
      intx: config.read(headerOffset.interruptPin, 1) === 0 ? 0 : 1,
      msi: config.capabilities.has(capabilityId.msi) ? 1 : 0,
      msix: msix === undefined ? 0 : MsixControl.decode(config.read(msix + msixOffset.control, 2)).tableSize + 1,
      err: config.capabilities.has(capabilityId.pcie) ? 1 : 0,
      req: 1,
    }
    const isIntx = kind === 'intx'
    return { count: counts[kind], maskable: isIntx, automasked: isIntx, fixedSize: kind === 'msi' }
  }

  enable(kind: InterruptKind, destinations: Destinations): void {
    this.#device.assertOpen(`enable ${kind}`)
    const { count } = this.info(kind)
    if (destinations.length === 0 || destinations.length > count) {
      const detail = `${destinations.length} vectors were asked for, and it has ${count}`
      throw this.#invalid(`Cannot enable ${kind}: ${detail}`)
    }
    const other = exclusive.find((each) => each !== kind && this.#enabled.has(each))
    if (exclusive.includes(kind) && other !== undefined)
      throw this.#invalid(`Cannot enable ${kind}: ${other} is enabled`)
    for (const destination of destinations) this.#assertIsCallback(`enable ${kind}`, destination)
    this.#device.assertNotResetting('BUSY', `enable ${kind}`)
    this.#enabled.set(kind, [...destinations])
    this.#setMessageEnable(kind, true)
    if (kind === 'intx') {
      this.#isIntxMasked = this.#isIntxDisabled
      this.#device.hardware.lines.deliverIntx()
    }
  }

  retarget(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): void {
    const what = `give vector ${vector} of ${kind} another destination`
    this.#device.assertOpen(what)
    const destinations = this.#enabled.get(kind)
    if (destinations === undefined || !(vector in destinations)) {
      throw new QuiesceError('USAGE', `Cannot ${what}: it is not enabled`, { device: this.#device.address })
    }
    this.#assertIsCallback(what, destination)
    this.#device.assertNotResetting('BUSY', what)
    this.#enabled.set(
      kind,
      destinations.map((each, i) => (i === vector ? destination : each)),
    )
  }

  disable(kind: InterruptKind): void {
    this.#device.assertOpen(`disable ${kind}`)
    if (!this.#enabled.has(kind)) return
    this.#device.assertNotResetting('BUSY', `disable ${kind}`)
    this.#tearDown(kind)
  }

  unmask(kind: InterruptKind): void {
    this.#device.assertNotResetting('BUSY', `unmask ${kind}`)
    if (kind !== 'intx') throw this.#invalid(`Cannot unmask ${kind}: only INTx is masked at delivery`)
    if (!this.#enabled.has('intx')) throw this.#invalid('Cannot unmask intx: it is not enabled')
    this.#unmaskIntx()
  }

  unmaskBy(kind: InterruptKind): void {
    throw new QuiesceError('UNSUPPORTED', `Cannot have ${kind} unmasked by an eventfd: the simulator has none`, {
      device: this.#device.address,
      hint: 'Unmask it at the end of each interrupt',
    })
  }

  /** The owner wrote Interrupt Disable: the bit is the kernel's to keep, and it masks the line instead (`virq_disabled`). */
  #disableIntx(isDisabled: boolean): void {
    if (this.#isIntxDisabled === isDisabled) return
    this.#isIntxDisabled = isDisabled
    if (isDisabled) this.#isIntxMasked = true
    else this.#unmaskIntx()
  }

  /** The kernel speaks to the owner: an uncorrectable error, or it wants the device back. False if nobody listens. */
  signalOwner(kind: 'err' | 'req'): boolean {
    const destination = this.#enabled.get(kind)?.[0]
    if (destination === undefined || !('signal' in destination)) return false
    destination.signal()
    return true
  }

  /** As the kernel's close of the device does. */
  disableAll(): void {
    for (const kind of interruptKinds) this.#tearDown(kind)
  }

  #unmaskIntx(): void {
    if (this.#isIntxDisabled) return
    this.#isIntxMasked = false
    this.#device.hardware.lines.deliverIntx()
  }

  #assertIsCallback(what: string, destination: InterruptDestination | undefined): void {
    if (destination === undefined || 'signal' in destination) return
    throw new QuiesceError('UNSUPPORTED', `Cannot ${what}: the simulator has no eventfds`, {
      device: this.#device.address,
      hint: 'Give a signal callback as the destination',
    })
  }

  #tearDown(kind: InterruptKind): void {
    if (this.#enabled.delete(kind)) this.#setMessageEnable(kind, false)
  }

  #deliver(kind: SignalKind, vector: number): boolean {
    const destination = this.#enabled.get(kind)?.[vector]
    if (destination === undefined || !('signal' in destination)) return false
    if (kind === 'intx') {
      if (this.#isIntxMasked) return false
      this.#isIntxMasked = true
    }
    destination.signal()
    return true
  }

  #setMessageEnable(kind: InterruptKind, enabled: boolean): void {
    if (kind !== 'msi' && kind !== 'msix') return
    const { hardware } = this.#device
    const { id, offset, enable } = messageControls[kind]
    const at = hardware.config.capabilities.get(id)
    if (at === undefined) return
    const control = hardware.readConfig(at + offset, 2)
    hardware.writeConfig(at + offset, 2, enabled ? control | enable : control & ~enable, 'kernel')
  }

  #invalid(message: string): QuiesceError {
    return new QuiesceError('SYSTEM', message, {
      device: this.#device.address,
      syscall: 'ioctl(VFIO_DEVICE_SET_IRQS)',
      errno: 22,
      errnoName: 'EINVAL',
    })
  }
}
