import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DeclarationError, register } from '../../../../src/bits/register.js'
import { line, pick } from '../../../../src/pci/lspci/line.js'

const Control = register('CONTROL', 16, { enable: [0], size: [7, 4], id: [15, 8] })

describe('a line of lspci', () => {
  it('prints flags, numbers, and numbers in hexadecimal', () => {
    assert.equal(line(Control, 'On{enable} Off{~enable} {size} of {id:04x}')(0x2a91), 'On+ Off- 9 of 002a')
  })

  it('prints a field by its own format, which may look at the others', () => {
    const print = line(Control, '{size}', { size: (value, fields) => `${value}/${fields['id']}` })
    assert.equal(print(0x0230), '3/2')
  })

  it('prints a table, and what is not in it', () => {
    const print = line(Control, '{size}', { size: pick(['zero', 'one'], 'many') })
    assert.deepEqual([print(0x00), print(0x10), print(0x20)], ['zero', 'one', 'many'])
  })

  it('with a field that the register does not have is refused when it is declared', () => {
    assert.throws(() => line(Control, '{nothing}'), DeclarationError)
  })
})
