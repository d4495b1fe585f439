import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hex } from '../../../src/bits/hex.js'

it('a number prints with the digits asked for, or with more where it needs them', () => {
  assert.equal(hex(6), '0x0006')
  assert.equal(hex(0x12345), '0x12345')
  assert.equal(hex(0n, 16), '0x0000000000000000')
  assert.equal(hex(0xff, 2), '0xff')
})
