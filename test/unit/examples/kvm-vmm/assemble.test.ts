import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble } from '../../../../examples/kvm-vmm/assemble.js'
import * as x86 from '../../../../examples/kvm-vmm/instructions.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (...pieces: x86.Piece[]) => hex(assemble(0x1_0000, pieces).bytes)

/** What GNU's assembler makes of it. */
const encodings: readonly (readonly [string, x86.Piece, string])[] = [
  ['mov esp, 0x8000', x86.mov('esp', 0x8000), 'bc00800000'],
  ['mov edi, esi', x86.mov('edi', 'esi'), '89f7'],
  ['mov eax, ds:0xe0000004', x86.load('eax', 0xe000_0004), '8b05040000e0'],
  ['mov edi, ds:0x3010', x86.load('edi', 0x3010), '8b3d10300000'],
  ['mov ds:0xe0000004, ecx', x86.store(0xe000_0004, 'ecx'), '890d040000e0'],
  ['mov dword ptr ds:0xfee000f0, 0x1ff', x86.store(0xfee0_00f0, 0x1ff), 'c705f000e0feff010000'],
  ['add ebx, 0x800', x86.compute('add', 'ebx', 0x800), '81c300080000'],
  ['or edi, 0x10000', x86.compute('or', 'edi', 0x1_0000), '81cf00000100'],
  ['and eax, 0xfffffff0', x86.compute('and', 'eax', 0xffff_fff0), '81e0f0ffffff'],
  ['sub ecx, 0xc', x86.compute('sub', 'ecx', 0xc), '81e90c000000'],
  ['cmp ebx, 0x80010000', x86.compute('cmp', 'ebx', 0x8001_0000), '81fb00000180'],
  ['cmp eax, ecx', x86.compute('cmp', 'eax', 'ecx'), '39c8'],
  ['or eax, ecx', x86.compute('or', 'eax', 'ecx'), '09c8'],
  ['cmp edi, ds:0x3010', x86.compareWith('edi', 0x3010), '3b3d10300000'],
  ['add dword ptr ds:0x3008, 2', x86.addTo(0x3008, 2), '81050830000002000000'],
  ['not eax', x86.not('eax'), 'f7d0'],
  ['neg eax', x86.negate('eax'), 'f7d8'],
  ['dec ecx', x86.decrement('ecx'), '49'],
  ['shr eax, 8', x86.shiftRight('eax', 8), 'c1e808'],
  ['lidt ds:0x2800', x86.loadInterruptTable(0x2800), '0f011d00280000'],
  ['in eax, dx', x86.inEax, 'ed'],
  ['out dx, eax', x86.outEax, 'ef'],
  ['cld; rep stosd', x86.fillDwords, 'fcf3ab'],
  ['cld; repe cmpsd', x86.compareDwords, 'fcf3a7'],
]

describe('the assembler', () => {
  for (const [text, piece, expected] of encodings) {
    it(text, () => assert.equal(bytesOf(piece), expected))
  }

  it('a jump counts from the end of its instruction, back and forth', () => {
    const loop = [x86.label('again'), x86.decrement('ecx'), x86.jumpIf('notEqual', 'again'), x86.jump('end')]
    assert.equal(
      bytesOf(...loop, x86.halt, x86.label('end'), x86.ret),
      '49' + '0f85f9ffffff' + 'e901000000' + 'f4' + 'c3',
    )
  })

  it('labels are addresses from the origin on', () => {
    const { labels, origin } = assemble(0x1_0000, [x86.mov('eax', 1), x86.label('here'), x86.halt])
    assert.equal(origin, 0x1_0000)
    assert.deepEqual([...labels], [['here', 0x1_0005]])
  })

  it('a label that is missing is named, and so is one that is there twice', () => {
    assert.throws(() => assemble(0, [x86.call('nowhere')]), /there is no nowhere/)
    assert.throws(() => assemble(0, [x86.label('twice'), x86.label('twice')]), /twice is there twice/)
  })
})
