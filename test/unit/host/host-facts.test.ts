import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { isHostClass } from '../../../src/host/host-class.js'
import { kernelVersion } from '../../../src/host/kernel-version.js'
import { readPciIdsFile } from '../../../src/host/pci-ids-file.js'
import { parsePciIds } from '../../../src/pci/pci-ids.js'

const folder = mkdtempSync(join(tmpdir(), 'quiesce-facts-'))
after(() => rmSync(folder, { recursive: true, force: true }))

describe('pci.ids', () => {
  it('is taken from the first place that has it', () => {
    const path = join(folder, 'pci.ids')
    writeFileSync(path, '8086  Intel Corporation\n')
    const text = readPciIdsFile(['/nonexistent', path])
    assert.equal(text?.slice(0, text.length), '8086  Intel Corporation\n')
    assert.equal(readPciIdsFile(['/nonexistent']), undefined)
  })

  it('is searched without being decoded, and gives the names that its text gives', () => {
    const path = join(folder, 'names.ids')
    // Long enough to be read in several pieces; ends of pieces fall into letters of two bytes.
    const filler = Array.from(
      { length: 5000 },
      (_, id) => `\t${(id + 0x100).toString(16).padStart(4, '0')}  éèüß ${id}`,
    )
    const content = `8086  Intel\n${filler.join('\n')}\n103c  Hewlett-Packard “Compaq”\n\tffff  last\n`
    writeFileSync(path, content)
    const text = readPciIdsFile([path])
    assert.ok(text)
    for (const names of [parsePciIds(text), parsePciIds(content)]) {
      assert.equal(names.device(0x8086, 0x100 + 4999), 'éèüß 4999')
      assert.equal(names.device(0x8086, 0xffff), undefined)
      assert.equal(names.vendor(0x103c), 'Hewlett-Packard “Compaq”')
      assert.equal(names.device(0x103c, 0xffff), 'last')
    }
  })
})

describe('the version of the kernel', () => {
  it('is taken from its release', () => {
    assert.deepEqual(kernelVersion('7.3.4-cloud-amd64'), { release: '7.3.4-cloud-amd64', major: 7, minor: 3 })
    assert.deepEqual(kernelVersion('unusual'), { release: 'unusual', major: 0, minor: 0 })
  })
})

describe('a class of the machine itself', () => {
  it('is that of bridges, system peripherals, SMBus and performance counters', () => {
    assert.ok([0x060000, 0x060400, 0x080600, 0x0c0500, 0x110100].every(isHostClass))
    assert.ok(![0x010802, 0x020000, 0x030000, 0x0c0330, 0x00ff00, 0x120000].some(isHostClass))
  })
})
