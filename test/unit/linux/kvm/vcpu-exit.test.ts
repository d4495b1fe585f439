import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { kvmConstant, kvmExitReason } from '../../../../src/linux/kvm/abi/constants.js'
import {
  kvmRun,
  kvmRunFailEntry,
  kvmRunInternalError,
  kvmRunIo,
  kvmRunMmio,
} from '../../../../src/linux/kvm/abi/structs.js'
import { decodeExit, exitData } from '../../../../src/linux/kvm/vcpu-exit.js'

const dataOffset = 0x1000

function port(isWrite: boolean, width: number, count: number, data: readonly number[]): Uint8Array {
  const area = new Uint8Array(0x2000)
  kvmRunIo.encode(
    {
      exit_reason: kvmExitReason.KVM_EXIT_IO,
      'io.direction': isWrite ? kvmConstant.KVM_EXIT_IO_OUT : 0,
      'io.size': width,
      'io.port': 0xcfc,
      'io.count': count,
      'io.data_offset': BigInt(dataOffset),
    },
    area,
  )
  area.set(data, dataOffset)
  return area
}

function memory(isWrite: boolean, length: number): Uint8Array {
  const area = new Uint8Array(0x1000)
  const values = { 'mmio.phys_addr': 0xfeb0_0004n, 'mmio.len': length, 'mmio.is_write': isWrite ? 1 : 0 }
  kvmRunMmio.encode({ exit_reason: kvmExitReason.KVM_EXIT_MMIO, ...values }, area)
  area.set([1, 2, 3, 4, 5, 6, 7, 8], 40)
  return area
}

describe('what a processor stopped for', () => {
  it('a write to a port, with its data', () => {
    const exit = decodeExit(port(true, 4, 1, [0x10, 0x20, 0x30, 0x40]))
    assert.deepEqual(exit, {
      kind: 'port',
      address: 0xcfcn,
      isWrite: true,
      width: 4,
      data: Uint8Array.of(0x10, 0x20, 0x30, 0x40),
    })
  })

  it('a string instruction makes several accesses of one width', () => {
    const exit = decodeExit(port(true, 2, 2, [1, 2, 3, 4]))
    assert.ok(exit.kind === 'port')
    assert.deepEqual([exit.width, [...exit.data]], [2, [1, 2, 3, 4]])
  })

  it('a read brings no data, but says where they go', () => {
    const area = port(false, 2, 1, [0xaa, 0xbb])
    const exit = decodeExit(area)
    assert.ok(exit.kind === 'port')
    assert.deepEqual([exit.isWrite, [...exit.data]], [false, [0, 0]])
    assert.deepEqual(exitData(area), { offset: dataOffset, length: 2 })
  })

  it('an access to memory', () => {
    const write = decodeExit(memory(true, 4))
    assert.deepEqual(write, {
      kind: 'memory',
      address: 0xfeb0_0004n,
      isWrite: true,
      width: 4,
      data: Uint8Array.of(1, 2, 3, 4),
    })
    assert.deepEqual(exitData(memory(false, 8)), { offset: 40, length: 8 })
    // More than eight bytes are not there, whatever the length says.
    assert.deepEqual(exitData(memory(false, 200)), { offset: 40, length: 8 })
  })

  it('the data of an exit are a copy', () => {
    const area = memory(true, 4)
    const exit = decodeExit(area)
    area.fill(0xff, 40, 48)
    assert.ok(exit.kind === 'memory')
    assert.deepEqual([...exit.data], [1, 2, 3, 4])
  })

  it('ends and failures, each with its reason', () => {
    const area = (reason: number) => kvmRun.encode({ exit_reason: reason }, new Uint8Array(0x1000))
    assert.deepEqual(decodeExit(area(kvmExitReason.KVM_EXIT_HLT)), { kind: 'halted' })
    assert.deepEqual(decodeExit(area(kvmExitReason.KVM_EXIT_SHUTDOWN)), { kind: 'shutdown' })
    assert.deepEqual(decodeExit(area(kvmExitReason.KVM_EXIT_INTR)), { kind: 'interrupted' })
    const failed = area(kvmExitReason.KVM_EXIT_FAIL_ENTRY)
    kvmRunFailEntry.encode({ 'fail_entry.hardware_entry_failure_reason': 0x8000_0021n }, failed)
    assert.deepEqual(decodeExit(failed), { kind: 'failed', reason: 'the processor refused its state (0x80000021)' })
    const internal = area(kvmExitReason.KVM_EXIT_INTERNAL_ERROR)
    kvmRunInternalError.encode({ 'internal.suberror': 1 }, internal)
    assert.deepEqual(decodeExit(internal), { kind: 'failed', reason: 'KVM could not go on (suberror 1)' })
    assert.deepEqual(decodeExit(area(99)), { kind: 'failed', reason: 'KVM stopped with reason 99' })
    assert.equal(exitData(area(kvmExitReason.KVM_EXIT_HLT)), undefined)
  })
})
