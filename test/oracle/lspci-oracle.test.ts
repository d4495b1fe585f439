import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { lspciLines } from '../../src/pci/lspci/format-lspci.js'
import { parseHexdump } from '../../src/pci/parse-hexdump.js'
import { parsePciIds } from '../../src/pci/pci-ids.js'
import { projectRoot } from '../vm/project-root.js'
import { assertAgrees } from './assert-agrees.js'
import { hexdump } from './config-space-builder.js'
import { crafted } from './crafted.js'
import { liveText, withoutNumbers } from './live-text.js'
import { findLspci } from './lspci.js'
import { comparable, notReproduced } from './not-reproduced.js'
import { seeded } from './random.js'
import { randomConfigSpace } from './random-config-space.js'

const found = await findLspci()
const dumps = join(projectRoot, 'test/oracle/dumps')
const seed = Number(process.env['QUIESCE_SEED'] ?? 20260101)

/** Functions 0 and 1 of slots 0 to 31 of as many buses as it takes. */
function addressOf(n: number): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  return `${hex(n >> 6)}:${hex((n >> 1) & 31)}.${n & 1}`
}

if (typeof found === 'string') {
  if (process.env['CI'] === 'true') {
    it('there is an lspci to compare with', () => assert.fail(found))
  } else {
    console.log(`The decoder was not compared with lspci: ${found}`)
  }
} else {
  describe('our decoder and lspci -vvv agree, line by line', () => {
    for (const file of readdirSync(dumps)) {
      it(`on a device of QEMU: ${file}`, () => {
        const { lines } = assertAgrees(found, readFileSync(join(dumps, file), 'utf8'))
        assert.ok(lines >= 4)
      })

      it(`with what the kernel knew of it: ${file}`, () => {
        const text = readFileSync(join(dumps, file), 'utf8')
        const { lines, system } = liveText(text)
        const [device] = parseHexdump(text)
        assert.ok(device)
        const options = { address: device.address, showDomain: true, names: parsePciIds(found.ids), system }
        assert.deepEqual(withoutNumbers(lspciLines(device.bytes, options)), withoutNumbers(lines))
      })
    }

    for (const [name, make] of Object.entries(crafted)) {
      it(`on ${name}`, () => {
        assertAgrees(found, hexdump('00:03.0', make()))
      })
    }

    it(`on random configuration spaces with every capability (seed ${seed})`, () => {
      const random = seeded(seed)
      const dump = Array.from({ length: 1024 }, (_, n) => hexdump(addressOf(n), randomConfigSpace(random))).join('\n')
      const { lines } = assertAgrees(found, dump)
      assert.ok(lines > 100_000, `only ${lines} lines were compared`)
    })

    it('without any names', () => {
      const random = seeded(seed + 1)
      const dump = Array.from({ length: 64 }, (_, n) => hexdump(addressOf(n), randomConfigSpace(random))).join('\n')
      assertAgrees(found, dump, '# no names\n')
    })

    it('in a domain other than zero', () => {
      const random = seeded(seed + 2)
      assertAgrees(
        found,
        ['0001:02:03.4', '10000:e0:06.0'].map((at) => hexdump(at, randomConfigSpace(random))).join('\n'),
      )
    })
  })

  describe('the comparison', () => {
    it('sees a field that differs', () => {
      const dump = hexdump('00:03.0', (crafted['PCI Express of version 1, endpoint'] as () => Uint8Array)())
      const other = { ...found, command: ['/bin/echo', '00:03.0 Ethernet controller: something else'] }
      assert.throws(() => assertAgrees(other, dump), /1 of 1 devices differ/)
    })

    it('forgives nothing that has no rule', () => {
      const line = '\t\tLnkSta:\tSpeed 8GT/s, Width x4'
      assert.deepEqual(comparable([line]), [line])
      assert.ok(notReproduced.every(({ reason }) => reason.length > 10))
    })
  })
}
