// In the guest: a device, assigned to a guest in a VMM, and all of it taken down again in the right order.
import { AssignedDevice, type AssignedDeviceOptions } from '../../../../src/device/assigned-device.js'
import type { ReportedDeviceEvent } from '../../../../src/device/device-event.js'
import type { VfioFunction } from '../../../../src/vfio/vfio-function.js'
import { VfioOwnership } from '../../../../src/vfio/vfio-ownership.js'
import { GuestFunction } from './guest-function.js'
import { TestVmm } from './test-vmm.js'

/** The backend that the run is about. */
export const backend: 'group' | 'cdev' = process.argv[2] === 'cdev' ? 'cdev' : 'group'

export interface AssignOptions extends AssignedDeviceOptions {
  /** Interrupts by eventfd, unless told otherwise. */
  readonly byEventfd?: boolean
}

export class Assignment implements AsyncDisposable {
  readonly fn: VfioFunction
  readonly vmm: TestVmm
  readonly device: AssignedDevice
  readonly guest: GuestFunction
  /** What the device told its owner, in order. */
  readonly events: ReportedDeviceEvent[] = []
  readonly #ownership: VfioOwnership

  private constructor(fn: VfioFunction, ownership: VfioOwnership, { byEventfd = true, ...options }: AssignOptions) {
    this.fn = fn
    this.#ownership = ownership
    this.vmm = new TestVmm({
      byEventfd,
      resampleByEventfd: byEventfd && fn.interrupts.canUnmaskByEventfd,
      memoryByFile: fn.dma.backings.has('fd'),
    })
    try {
      const onEvent = (event: ReportedDeviceEvent): void => {
        this.events.push(event)
        options.onEvent?.(event)
      }
      this.device = AssignedDevice.open(fn, this.vmm, { ...options, onEvent })
    } catch (error) {
      this.vmm[Symbol.dispose]()
      throw error
    }
    this.guest = new GuestFunction(this.device, this.vmm)
  }

  /** Opens a device that is bound to vfio-pci and assigns it. */
  static async open(address: string, options: AssignOptions = {}): Promise<Assignment> {
    const ownership = new VfioOwnership({ backend })
    try {
      return new Assignment(await ownership.open(address), ownership, options)
    } catch (error) {
      ownership[Symbol.dispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.device.close()
      const lent = Object.entries(this.vmm.lent).filter(([, count]) => count !== 0)
      if (lent.length > 0) throw new Error(`not given back: ${JSON.stringify(lent)}`)
    } finally {
      this.#ownership[Symbol.dispose]()
      this.vmm[Symbol.dispose]()
    }
  }
}
