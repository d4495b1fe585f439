// Opens devices on simulated functions, also on ones that no model has.
import { AssignedDevice, type AssignedDeviceOptions } from '../../../src/device/assigned-device.js'
import type { ReportedDeviceEvent } from '../../../src/device/device-event.js'
import type { ConfigSpace } from '../../../src/function/config-space.js'
import type { Interrupts } from '../../../src/function/interrupts.js'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import type { Region, RegionArea } from '../../../src/function/region.js'
import type { ConfigDeclaration } from '../../../src/kit/config-declaration.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { IommuDomain } from '../../../src/sim/iommu.js'
import { StreamDevice, startStream } from '../../../src/sim/models/stream-device.js'
import { SimulatedFunction } from '../../../src/sim/simulated-function.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { RecordingVmm } from './recording-vmm.js'

export interface OpenDevice {
  readonly fn: SimulatedFunction
  readonly vmm: RecordingVmm
  readonly device: AssignedDevice
  readonly events: ReportedDeviceEvent[]
  /** Maps, traps and writes of the hardware's config space, in order. */
  readonly log: string[]
}

export interface Overrides {
  /** What it is plugged into; one with no memory if not given. */
  readonly vmm?: RecordingVmm
  /** Replaces parts of the function that the device sees. */
  readonly override?: (fn: SimulatedFunction) => Partial<PhysicalFunction>
}

/** The function with some of its parts replaced. */
function overriding(fn: SimulatedFunction, parts: Partial<PhysicalFunction>): PhysicalFunction {
  return new Proxy(fn, {
    get(target, key) {
      if (key in parts) return Reflect.get(parts, key)
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function logging(config: ConfigSpace, log: string[]): ConfigSpace {
  return {
    size: config.size,
    read: (offset, width) => config.read(offset, width),
    write: (offset, width, value) => {
      log.push(`config ${offset.toString(16)}/${width} = 0x${value.toString(16)}`)
      config.write(offset, width, value)
    },
  }
}

export function openOn(fn: SimulatedFunction, options: AssignedDeviceOptions & Overrides = {}): OpenDevice {
  const vmm = options.vmm ?? new RecordingVmm()
  const { log } = vmm
  const events: ReportedDeviceEvent[] = []
  const parts = options.override?.(fn) ?? {}
  const seen = overriding(fn, { ...parts, config: logging(parts.config ?? fn.config, log) })
  const device = AssignedDevice.open(seen, vmm, { ...options, onEvent: (event) => events.push(event) })
  log.length = 0
  return { fn, vmm, device, events, log }
}

export function openModel(model: string, options: AssignedDeviceOptions & Overrides = {}): OpenDevice {
  return openOn(createSimulatedFunction(model), options)
}

/** A function that no model has, with the streaming engine behind its BARs. */
export function customFunction(config: Partial<ConfigDeclaration>): SimulatedFunction {
  const declaration = {
    config: {
      vendorId: 0xfffe,
      deviceId: 0x00ff,
      revision: 1,
      classCode: 0x028000,
      interruptPin: 1 as const,
      bars: [{ index: 0, kind: 'memory32' as const, size: 0x1000, address: 0xfe00_0000 }],
      capabilities: [],
      size: 4096 as const,
      ...config,
    },
    logic: (host: ConstructorParameters<typeof StreamDevice>[0]) => new StreamDevice(host),
    program: startStream,
  }
  const machine = new SimulatedMachine()
  const model = {
    name: 'custom',
    description: 'made by a test',
    bus: 'root' as const,
    functions: [declaration] as const,
  }
  const [hardware] = machine.plug(model)
  if (hardware === undefined) throw new Error('nothing was plugged in')
  const domain = new IommuDomain()
  const parts = { address: 'sim:custom', machine, model, declaration, hardware, domain }
  return new SimulatedFunction({ ...parts, containment: 'detach', accessUs: 1 })
}

/** A region whose file can be mapped. */
export function mappable(region: Region | undefined, areas: readonly RegionArea[], share?: Region['share']): Region {
  if (region === undefined) throw new Error('there is no such region')
  return {
    index: region.index,
    size: region.size,
    readable: true,
    writable: true,
    mappable: areas,
    file: { fd: 7, offset: BigInt(region.index) << 40n },
    share,
    read: (offset, into) => region.read(offset, into),
    write: (offset, from) => region.write(offset, from),
  }
}

/** The function's interrupts with some parts replaced. */
export function withInterrupts(fn: SimulatedFunction, parts: Partial<Interrupts>): Interrupts {
  const { interrupts } = fn
  return {
    canUnmaskByEventfd: interrupts.canUnmaskByEventfd,
    info: (kind) => interrupts.info(kind),
    enable: (kind, destinations) => interrupts.enable(kind, destinations),
    retarget: (kind, vector, destination) => interrupts.retarget(kind, vector, destination),
    disable: (kind) => interrupts.disable(kind),
    unmask: (kind) => interrupts.unmask(kind),
    unmaskBy: (kind) => interrupts.unmaskBy(kind),
    ...parts,
  }
}

/** The guest places BAR 0 and lets it decode. */
export function enableBar0(device: AssignedDevice, address: number, command = 0x2): void {
  device.writeConfig(0x10, 4, address)
  device.writeConfig(0x04, 2, command)
}

/** Offset of a standard capability, found as a guest finds it. */
export function guestCapability(device: AssignedDevice, id: number): number {
  for (let at = device.readConfig(0x34, 1), n = 0; at !== 0 && n < 48; at = device.readConfig(at + 1, 1), n++) {
    if (device.readConfig(at, 1) === id) return at
  }
  throw new Error(`the guest finds no capability ${id}`)
}
