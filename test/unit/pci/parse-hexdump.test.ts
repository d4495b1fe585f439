import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { parseHexdump } from '../../../src/pci/parse-hexdump.js'
import { hexdump } from '../../oracle/config-space-builder.js'

const header = Uint8Array.from({ length: 64 }, (_, n) => n)

describe('a dump of lspci', () => {
  it('gives the bytes of every device, in their order', () => {
    const large = new Uint8Array(4096).fill(0xa5)
    const devices = parseHexdump(`${hexdump('00:1f.2', header)}\n${hexdump('0001:3a:00.7', large)}`)
    assert.deepEqual(
      devices.map(({ address }) => address),
      ['0000:00:1f.2', '0001:3a:00.7'],
    )
    assert.deepEqual(devices[0]?.bytes, header)
    assert.deepEqual(devices[1]?.bytes, large)
  })

  it('may have decoded text above the bytes, carriage returns, and capital letters', () => {
    const lines = hexdump('00:03.0', header).split('\n')
    const text = [lines[0], '\tControl: I/O+ Mem+', '\tCapabilities: [40] MSI', ...lines.slice(1)].join('\r\n')
    assert.deepEqual(parseHexdump(text.toUpperCase())[0]?.bytes, header)
  })

  const refused = (text: string, message: RegExp) =>
    assert.throws(
      () => parseHexdump(text),
      (error) => error instanceof QuiesceError && error.code === 'USAGE' && message.test(error.message),
    )

  it('without a device or before one is refused', () => {
    refused('', /no line of a device/)
    refused('hello\n', /no line of a device/)
    refused('00: 01 02\n', /line 1: bytes before the line of a device/)
  })

  it('with a row missing or cut is refused', () => {
    const lines = hexdump('00:03.0', header).split('\n')
    refused([lines[0], lines[1], lines[3]].join('\n'), /line 3: bytes of 0x20 where 0x10 is next/)
    refused(lines.slice(0, 3).join('\n'), /0000:00:03.0 has 32 bytes, not 64, 256 or 4096/)
    refused('00:03.0 Device\n', /has 0 bytes/)
  })

  it('of more than 4096 bytes is refused', () => {
    refused(hexdump('00:03.0', new Uint8Array(4112)), /more than 4096 bytes/)
  })
})
