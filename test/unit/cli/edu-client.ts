// The driver's part of edu, as far as the tests of `quiesce serve` need it.
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import { headerOffset } from '../../../src/pci/header.js'
import { eduRegister } from '../../../src/sim/models/edu-device.js'

const memorySpaceAndBusMaster = 0x6

export function enableEdu(fn: PhysicalFunction): void {
  fn.config.write(headerOffset.command, 2, memorySpaceAndBusMaster)
}

export function readEdu(fn: PhysicalFunction, offset: number): number {
  const bytes = new Uint8Array(4)
  fn.regions[0]?.read(BigInt(offset), bytes)
  return new DataView(bytes.buffer).getUint32(0, true)
}

export function writeEdu(fn: PhysicalFunction, offset: number, value: number | bigint): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, Number(value), true)
  fn.regions[0]?.write(BigInt(offset), bytes)
}

export function startEduTransfer(fn: PhysicalFunction, source: bigint, target: bigint, how: number): void {
  writeEdu(fn, eduRegister.dmaSource, source)
  writeEdu(fn, eduRegister.dmaDestination, target)
  writeEdu(fn, eduRegister.dmaCount, 256)
  writeEdu(fn, eduRegister.dmaCommand, how)
}
