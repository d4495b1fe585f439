// Simulated hardware as it is on its bus, without a simulated kernel around it, for somebody else's: its faults meet
// whatever drives it. Faults that are the kernel's (a refused ioctl, an IOMMU that does not let go) have no part here.
import type { AccessWidth } from '../function/config-space.js'
import type { BusClient, BusFunction, BusInterruptKind } from '../kit/bus-function.js'
import type { RegisterWidth } from '../kit/device-model.js'
import type { MemoryPath } from './bus-master.js'
import { ClientPath } from './client-path.js'
import { RealTime } from './real-time.js'
import type { SimulatedHardware } from './simulated-hardware.js'

const barCount = 6

/** Nobody's memory: every request faults. */
const nowhere: MemoryPath = {
  write: () => ({ moved: 0, fault: 'iommu-detached' }),
  read: () => ({ moved: 0, fault: 'iommu-detached' }),
}

/** Disposing it stops its time. */
export class RawFunction implements BusFunction, Disposable {
  readonly hardware: SimulatedHardware
  readonly configSize: 256 | 4096
  readonly barSizes: readonly number[]
  readonly vectors: Readonly<Record<BusInterruptKind, number>>
  readonly #time: RealTime

  constructor(hardware: SimulatedHardware) {
    const { declaration, registers } = hardware
    this.hardware = hardware
    this.configSize = declaration.size
    this.barSizes = Array.from(
      { length: barCount },
      (_, i) => declaration.bars.find(({ index }) => index === i)?.size ?? 0,
    )
    this.vectors = {
      intx: declaration.interruptPin,
      msi: registers.vectors('msi'),
      msix: registers.vectors('msix'),
    }
    this.#time = new RealTime(hardware.clock)
    hardware.master.path = nowhere
  }

  readConfig(offset: number, width: AccessWidth): number {
    return this.#time.during(() => this.hardware.readConfig(offset, width))
  }

  writeConfig(offset: number, width: AccessWidth, value: number): void {
    this.#time.during(() => this.hardware.writeConfig(offset, width, value, 'owner'))
  }

  readBar(bar: number, offset: number, width: RegisterWidth): bigint {
    return this.#time.during(() => this.hardware.readBar(bar, offset, width))
  }

  writeBar(bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    this.#time.during(() => this.hardware.writeBar(bar, offset, width, value))
  }

  connect(client: BusClient): void {
    this.hardware.master.path = new ClientPath(client.memory)
    this.hardware.lines.sink = (kind, vector) => client.signal(kind, vector)
  }

  /** Cuts it off from the client first: whatever this hardware makes of the reset, it reaches nothing any more. */
  disconnect(): Promise<void> {
    this.hardware.master.path = nowhere
    this.hardware.lines.sink = () => false
    return this.reset()
  }

  interruptsChanged(): void {
    this.#time.during(() => this.hardware.lines.deliverIntx())
  }

  /** As a reset of its bus. What is faulty in it may stay as it is, and go on. */
  reset(): Promise<void> {
    this.#time.during(() => {
      this.hardware.master.flush()
      this.hardware.reset('bus')
    })
    return Promise.resolve()
  }

  [Symbol.dispose](): void {
    this.#time[Symbol.dispose]()
  }
}
