import type { AffectedFunction, ContainmentOutcome, HotResetScope, KernelOutcome } from '../function/kernel-outcome.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import type { Region } from '../function/region.js'
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import type { DmaRequest } from './device-logic.js'
import type { Faults } from './faults.js'
import type { IommuDomain } from './iommu.js'
import { KernelConfig } from './kernel/kernel-config.js'
import { KernelDevice } from './kernel/kernel-device.js'
import { KernelInterrupts } from './kernel/kernel-interrupts.js'
import { type KernelProcess, runAsleep } from './kernel/kernel-process.js'
import { KernelRegion } from './kernel/kernel-region.js'
import { hotResetBus, outcomeOf, tryResetFunction } from './kernel/reset-ladder.js'
import type { Ledger } from './ledger.js'
import { SimulatedDmaSpace } from './simulated-dma-space.js'
import type { SimulatedHardware } from './simulated-hardware.js'
import type { SimulatedMachine } from './simulated-machine.js'
import type { FunctionDeclaration, SimulatedModel } from './simulated-model.js'
import type { VirtualClock } from './virtual-clock.js'

export interface SimulatedFunctionParts {
  readonly address: string
  readonly machine: SimulatedMachine
  readonly model: SimulatedModel
  readonly declaration: FunctionDeclaration
  readonly hardware: SimulatedHardware
  readonly domain: IommuDomain
  readonly containment: 'detach' | 'unmap-all'
  readonly accessUs: number
}

const regionCount = 9

/** Refused before the kernel is asked, which would hold the caller up. */
const stillResetting = {
  ok: false,
  errno: 'EBUSY',
  message: 'an earlier reset of this device has not ended',
} as const satisfies KernelOutcome

/** A simulated function that somebody owns through a simulated VFIO. */
export class SimulatedFunction implements PhysicalFunction {
  readonly address: string
  readonly backend = 'sim'
  readonly isVirtualFunction: boolean
  readonly clock: VirtualClock
  readonly config: KernelConfig
  readonly regions: readonly (Region | undefined)[]
  readonly interrupts: KernelInterrupts
  readonly dma: SimulatedDmaSpace
  readonly canReset: boolean
  readonly machine: SimulatedMachine
  /** The truth about the device, which no owner sees. */
  readonly hardware: SimulatedHardware
  readonly faults: Faults
  readonly ledger: Ledger
  /** The kernel's side of it. */
  readonly kernel: KernelDevice
  readonly #parts: SimulatedFunctionParts

  constructor(parts: SimulatedFunctionParts) {
    const { address, hardware, machine, model } = parts
    this.#parts = parts
    this.address = address
    this.machine = machine
    this.hardware = hardware
    this.faults = hardware.faults
    this.ledger = hardware.ledger
    this.clock = hardware.clock
    this.isVirtualFunction = hardware.declaration.isVirtualFunction === true
    const { resetMethods } = model
    this.kernel = new KernelDevice(address, hardware, {
      accessUs: parts.accessUs,
      ...(resetMethods === undefined ? {} : { resetMethods }),
    })
    this.canReset = this.kernel.resetWorks
    this.config = new KernelConfig(this.kernel)
    this.interrupts = new KernelInterrupts(this.kernel)
    this.regions = Array.from({ length: regionCount }, (_, index) => {
      const bar = hardware.declaration.bars.find((each) => each.index === index)
      return bar === undefined ? undefined : new KernelRegion(this.kernel, bar)
    })
    const { clock, ledger, faults } = this
    this.dma = new SimulatedDmaSpace({ device: address, domain: parts.domain, clock, ledger, faults })
    parts.domain.members.add(address)
    this.#attach(parts.domain)
    machine.open.set(address, this)
  }

  get bus() {
    return this.hardware.bus
  }

  reset(): Promise<KernelOutcome> {
    this.kernel.assertOpen('reset')
    if (this.kernel.isResetting) return Promise.resolve(stillResetting)
    if (!this.canReset) return Promise.resolve(outcomeOf('EINVAL'))
    return this.#run('reset', tryResetFunction(this.kernel), [this])
  }

  hotResetScope(): HotResetScope {
    this.kernel.assertOpen('look at the scope of a hot reset')
    if (this.kernel.isResetting) return stillResetting
    if (this.bus.kind === 'root') return { ok: false, errno: 'ENODEV', message: 'the device is on a root bus' }
    const affected = this.bus.functions.map((hardware): AffectedFunction => {
      const address = this.machine.addressOf(hardware)
      const owned = this.machine.open.has(address)
      return { address, owned, driver: owned ? 'vfio-pci' : undefined }
    })
    return { ok: true, affected }
  }

  hotReset(): Promise<KernelOutcome> {
    const scope = this.hotResetScope()
    if (!scope.ok) return Promise.resolve(scope)
    const open = scope.affected.flatMap(({ address }) => this.machine.open.get(address) ?? [])
    if (open.length < scope.affected.length) return Promise.resolve(outcomeOf('EINVAL'))
    const devices = open.map((each) => each.kernel)
    return this.#run('hot-reset', hotResetBus(this.kernel, devices), open)
  }

  contain(): ContainmentOutcome {
    // One that is closed in the middle of a reset is held until that ends, and can be contained until then.
    if (!this.kernel.isResetting) this.kernel.assertOpen('contain')
    this.#call('contain', 'begin')
    const outcome = this.#parts.containment === 'detach' ? this.#detach() : this.#unmapAll()
    this.#call('contain', 'end', outcome.ok ? 'ok' : outcome.errno)
    return outcome
  }

  readmit(): KernelOutcome {
    this.kernel.assertOpen('readmit')
    if (this.kernel.isResetting) return stillResetting
    this.#call('readmit', 'begin')
    const errno = this.dma.readmit()
    if (errno === undefined) this.#attach(this.#parts.domain)
    this.#call('readmit', 'end', errno ?? 'ok')
    if (errno === undefined) return { ok: true }
    return { ok: false, errno, message: 'another contained device shares its address space' }
  }

  /**
   * What a guest does: switches Bus Master on and has the device transfer. A device that can stream goes on by itself
   * until it is stopped; others make one transfer.
   */
  startDma(request: DmaRequest): void {
    const command = this.config.read(headerOffset.command, 2)
    const on = Command.encode({ busMaster: true, memorySpace: true }, command)
    this.config.write(headerOffset.command, 2, on)
    this.#parts.declaration.program(this, request)
  }

  /** Idempotent. In the middle of a reset it is held until that ends, as it is where a call to the kernel has it open. */
  [Symbol.dispose](): void {
    if (this.kernel.isClosed) return
    this.kernel.isClosed = true
    if (!this.kernel.isResetting) this.#release()
  }

  /** As the kernel closes a device: off the bus first, then reset if it can be, and the IOMMU last. */
  #release(): void {
    const { hardware } = this
    const command = hardware.config.read(headerOffset.command, 2)
    hardware.writeConfig(headerOffset.command, 2, command & ~Command.mask('busMaster'), 'kernel')
    this.interrupts.disableAll()
    const [method] = this.kernel.methods
    if (this.canReset && method !== undefined) {
      if (method === 'bus') hardware.bus.reset()
      else hardware.reset(method)
    }
    this.#attach(undefined)
    this.dma.release()
    this.machine.open.delete(this.address)
  }

  async #run(
    call: 'reset' | 'hot-reset',
    process: KernelProcess<KernelOutcome>,
    functions: readonly SimulatedFunction[],
  ): Promise<KernelOutcome> {
    if (functions.some((each) => each.kernel.isResetting)) return stillResetting
    for (const each of functions) each.kernel.isResetting = true
    this.#call(call, 'begin')
    const outcome = await runAsleep(process, this.clock, this.faults)
    for (const each of functions) {
      each.kernel.isResetting = false
      if (each.kernel.isClosed) each.#release()
    }
    this.#call(call, 'end', outcome.ok ? 'ok' : outcome.errno)
    return outcome
  }

  #detach(): ContainmentOutcome {
    const fails = this.faults.get('detach-fails')
    const { attachment } = this.hardware.master
    if (fails !== false && attachment.domain !== undefined) {
      return { ok: false, errno: fails, message: 'the device could not be detached from its address space' }
    }
    this.#attach(undefined)
    return { ok: true, method: 'detach', alsoContained: [] }
  }

  #unmapAll(): ContainmentOutcome {
    const errno = this.dma.unmapAll()
    if (errno !== undefined) return { ok: false, errno, message: 'the mappings could not be removed' }
    return { ok: true, method: 'unmap-all', alsoContained: this.dma.sharedWith }
  }

  #attach(domain: IommuDomain | undefined): void {
    const { attachment } = this.hardware.master
    if (attachment.domain === domain) return
    attachment.domain = domain
    const what = domain === undefined ? 'detach' : 'attach'
    this.ledger.record({ kind: 'iommu', at: this.clock.now(), what, iova: 0n, size: 0n })
  }

  #call(call: 'reset' | 'hot-reset' | 'contain' | 'readmit', phase: 'begin' | 'end', outcome?: string): void {
    this.ledger.record({ kind: 'kernel-call', at: this.clock.now(), call, phase, outcome })
  }
}
