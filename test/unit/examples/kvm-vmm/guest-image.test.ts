import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble } from '../../../../examples/kvm-vmm/assemble.js'
import { eduProgram, interruptVector } from '../../../../examples/kvm-vmm/edu-program.js'
import { loadGuest, resetRom } from '../../../../examples/kvm-vmm/guest-image.js'
import { guestLayout, readResults, resultAddress } from '../../../../examples/kvm-vmm/guest-layout.js'

const options = { interrupts: 'msi', rounds: 7, raises: 1, transfers: 1, endsInFlight: true } as const

describe('the guest’s memory', () => {
  const memory = new Uint8Array(guestLayout.memorySize).fill(0xaa)
  loadGuest(memory, options)
  const view = new DataView(memory.buffer)

  it('nothing is left of what was in it', () => {
    assert.equal(memory.indexOf(0xaa), -1)
  })

  it('the interrupt gate leads to the handler, in the code segment', () => {
    const handler = assemble(guestLayout.code, eduProgram(options)).labels.get('interrupt')
    const gate = guestLayout.interruptTable + 8 * interruptVector
    assert.equal(view.getUint16(gate, true) | (view.getUint16(gate + 6, true) << 16), handler)
    assert.equal(view.getUint16(gate + 2, true), 0x08)
    assert.equal(view.getUint16(gate + 4, true), 0x8e00)
    assert.equal(view.getUint32(guestLayout.interruptTablePointer + 2, true), guestLayout.interruptTable)
    assert.ok(view.getUint16(guestLayout.interruptTablePointer, true) >= 8 * interruptVector + 7)
  })

  it('the program lies between its tables and the pages of its transfers', () => {
    const { bytes } = assemble(guestLayout.code, eduProgram(options))
    assert.deepEqual(memory.subarray(guestLayout.code, guestLayout.code + bytes.length), bytes)
    assert.ok(guestLayout.code + bytes.length < guestLayout.source)
  })

  it('results are read from where the guest counts', () => {
    view.setUint32(resultAddress('interrupts'), 12, true)
    view.setUint32(resultAddress('factorial'), 120, true)
    const { interrupts, factorial, mismatches } = readResults(memory)
    assert.deepEqual({ interrupts, factorial, mismatches }, { interrupts: 12, factorial: 120, mismatches: 0 })
  })

  it('a processor begins 16 bytes below 4 GiB, by telling the VMM', () => {
    const rom = resetRom(4096)
    assert.equal(guestLayout.rom + 4096, 2 ** 32)
    assert.equal(Buffer.from(rom.subarray(0xff0, 0xff5)).toString('hex'), 'e6f5' + 'f4ebfd')
  })
})
