// What the simulated models offer, as the suite makes use of it.
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import type { DmaRequest } from '../../src/sim/index.js'
import { eduRegister, startEduTransfer } from '../../src/sim/models/edu-device.js'
import { nvmeRegister, startIdentify } from '../../src/sim/models/nvme-controller.js'
import { startStream, streamRegister } from '../../src/sim/models/stream-device.js'
import { writeRegister } from '../../src/sim/region-access.js'
import type { ComplianceDevice, ScratchRegister } from './compliance-fixture.js'

type Healthy = Omit<ComplianceDevice, 'scratch' | 'interrupt' | 'transfer'>

function write(fn: PhysicalFunction, offset: number, value: bigint): void {
  const region = fn.regions[0]
  if (region !== undefined) writeRegister(region, offset, 4, value)
}

function transferBy(program: (fn: PhysicalFunction, request: DmaRequest) => void, landsWithinMs: number) {
  return { landsWithinMs, start: (fn: PhysicalFunction, iova: bigint): void => program(fn, { iova }) }
}

const streamScratch: ScratchRegister = { region: 0, offset: BigInt(streamRegister.scratch), afterReset: 0 }
const stream = {
  scratch: streamScratch,
  interrupt: {
    raise: (fn: PhysicalFunction): void => write(fn, streamRegister.interrupt, 0n),
    acknowledge: (fn: PhysicalFunction): void => write(fn, streamRegister.acknowledge, 0n),
  },
  transfer: transferBy(startStream, 5),
}
const eduParts = {
  scratch: {
    region: 0,
    offset: BigInt(eduRegister.liveness),
    reads: (written: number): number => ~written >>> 0,
    afterReset: 0,
  },
  interrupt: {
    raise: (fn: PhysicalFunction): void => write(fn, eduRegister.raise, 1n),
    acknowledge: (fn: PhysicalFunction): void => write(fn, eduRegister.acknowledge, 1n),
  },
  transfer: transferBy(startEduTransfer, 150),
}
const nvmeParts = {
  scratch: {
    region: 0,
    offset: BigInt(nvmeRegister.adminQueueAttributes),
    afterReset: 0,
  },
  transfer: transferBy(startIdentify, 5),
}

const eduDevice: Healthy = {
  vendorId: 0x1234,
  deviceId: 0x11e8,
  classRevision: 0x00ff_0010,
  configSize: 256,
  bars: [{ index: 0, size: 0x10_0000n }],
  vectors: { intx: 1, msi: 1, msix: 0 },
  canReset: false,
  resetClears: false,
  bus: 'root',
}
const conventional: Healthy = {
  vendorId: 0xfffe,
  deviceId: 0,
  classRevision: 0x0280_0001,
  configSize: 256,
  bars: [
    { index: 0, size: 0x1000n },
    { index: 2, size: 0x40n },
  ],
  vectors: { intx: 1, msi: 1, msix: 0 },
  canReset: true,
  resetClears: true,
  bus: 'root',
}
const express: Healthy = {
  ...conventional,
  configSize: 4096,
  bars: [
    { index: 0, size: 0x4000n },
    { index: 2, size: 0x40n },
  ],
  vectors: { intx: 1, msi: 1, msix: 4 },
  bus: 'alone',
}

export const simulatedDevices: Readonly<Record<string, ComplianceDevice>> = {
  edu: { ...eduDevice, ...eduParts },
  'edu-port': { ...eduDevice, ...eduParts, canReset: true, resetClears: true, bus: 'alone' },
  nvme: {
    ...express,
    ...nvmeParts,
    vendorId: 0x1b36,
    deviceId: 0x0010,
    classRevision: 0x0108_0202,
    bars: [{ index: 0, size: 0x4000n }],
    vectors: { intx: 1, msi: 0, msix: 4 },
  },
  flr: { ...express, ...stream, deviceId: 0x0001 },
  'af-flr': { ...conventional, ...stream, deviceId: 0x0002 },
  'pm-kernel': { ...conventional, ...stream, deviceId: 0x0003 },
  'pm-reset': { ...conventional, ...stream, deviceId: 0x0004, canReset: false },
  'no-reset': { ...conventional, ...stream, deviceId: 0x0005, canReset: false },
  slow: { ...express, ...stream, deviceId: 0x000d },
  liar: { ...express, ...stream, deviceId: 0x000e, resetClears: false },
  'siblings.0': { ...express, ...stream, deviceId: 0x000f, canReset: false, bus: 'with-foreign-sibling' },
  'siblings.1': { ...express, ...stream, deviceId: 0x0010, canReset: false, bus: 'with-foreign-sibling' },
  'virtual-function': {
    ...express,
    ...stream,
    deviceId: 0x0012,
    bars: [{ index: 0, size: 0x4000n }],
    vectors: { intx: 0, msi: 0, msix: 2 },
  },
}
