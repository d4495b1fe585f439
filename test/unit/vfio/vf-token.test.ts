import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeVfToken, parseVfToken } from '../../../src/vfio/vf-token.js'

const token = '00112233-4455-6677-8899-AAbbCCddEEff'
const bytes = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]

describe('a VF token', () => {
  it('is the bytes of a UUID in the order in which they are written', () => {
    assert.deepEqual([...parseVfToken(token)], bytes)
  })

  it('is refused where it is no UUID', () => {
    for (const text of [
      '',
      'secret',
      token.slice(1),
      `${token}0`,
      token.replaceAll('-', ''),
      token.replace('A', 'g'),
    ]) {
      assert.throws(() => parseVfToken(text), { code: 'USAGE', message: /it is not a UUID$/ })
    }
  })

  it('is set by a feature of the device', () => {
    const argument = encodeVfToken(token)
    assert.deepEqual([...new Uint32Array(argument.buffer, 0, 2)], [24, 0x2_0000])
    assert.deepEqual([...argument.subarray(8)], bytes)
  })
})
