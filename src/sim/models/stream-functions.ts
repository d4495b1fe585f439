// Functions with the streaming engine, and what distinguishes them in config space.
import { advancedFeatures, msi, msix, pciExpress, powerManagement, serialNumber } from '../../kit/capabilities.js'
import type { BarDeclaration, CapabilityDeclaration, ConfigDeclaration } from '../../kit/config-declaration.js'
import type { FunctionDeclaration } from '../simulated-model.js'
import { StreamDevice, startStream } from './stream-device.js'

/** No vendor has it: 0xFFFF means "nobody there", and this one is next to it. */
const vendorId = 0xfffe
/** Network controller, other. */
const classCode = 0x028000

const registers: BarDeclaration = { index: 0, kind: 'memory32', size: 0x1000, address: 0xfe00_0000 }
const portRegisters: BarDeclaration = { index: 2, kind: 'io', size: 0x40, address: 0xc000 }

function streaming(config: ConfigDeclaration): FunctionDeclaration {
  return { config, logic: (host) => new StreamDevice(host), program: startStream }
}

/** A conventional PCI function with registers in memory and in I/O space, and MSI. */
export function conventional(deviceId: number, capabilities: readonly CapabilityDeclaration[]): FunctionDeclaration {
  return streaming({
    vendorId,
    deviceId,
    revision: 1,
    classCode,
    interruptPin: 1,
    bars: [registers, portRegisters],
    capabilities: [msi(), ...capabilities],
    size: 256,
  })
}

/** A PCI Express function with MSI and MSI-X. */
export function express(
  deviceId: number,
  options: { flr: boolean; noSoftReset?: boolean; functionNumber?: number },
): FunctionDeclaration {
  const address = registers.address + (options.functionNumber ?? 0) * 0x10000
  return streaming({
    vendorId,
    deviceId,
    revision: 1,
    classCode,
    interruptPin: 1,
    bars: [
      { index: 0, kind: 'memory64', size: 0x4000, address, prefetchable: true },
      { ...portRegisters, address: portRegisters.address + (options.functionNumber ?? 0) * 0x100 },
    ],
    capabilities: [
      powerManagement(options.noSoftReset ?? true),
      msi(),
      pciExpress({ flr: options.flr }),
      msix({ vectors: 4, bar: 0, table: 0x2000, pending: 0x3000 }),
    ],
    extendedCapabilities: [serialNumber(0x0000_0001 + (options.functionNumber ?? 0), 0x5153_494d)],
    size: 4096,
  })
}

/** A virtual function: no INTx, no decoders of its own, FLR (mandatory, PCIe SR-IOV 9.3.2). */
export function virtualFunction(deviceId: number): FunctionDeclaration {
  return streaming({
    vendorId,
    deviceId,
    revision: 1,
    classCode,
    interruptPin: 0,
    bars: [{ index: 0, kind: 'memory64', size: 0x4000, address: 0xfd00_0000, prefetchable: true }],
    capabilities: [pciExpress({ flr: true }), msix({ vectors: 2, bar: 0, table: 0x2000, pending: 0x3000 })],
    size: 4096,
    isVirtualFunction: true,
  })
}

/** Capabilities that the models combine. */
export const parts = { advancedFeatures, powerManagement }
