import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type FakeTree, fakeTree } from '../host/fake-sysfs.js'
import { parseAnswer, parseAnswers, runProgram } from './run-program.js'

/** A network card: Command 0x0507, Status with a capability list, one memory BAR, PM at 0x40. */
function configSpace(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0x00, 0x10c98086, true)
  view.setUint16(0x04, 0x0507, true)
  view.setUint16(0x06, 0x0010, true)
  view.setUint32(0x08, 0x02000001, true)
  view.setUint32(0x10, 0xfebc0000, true)
  view.setUint8(0x34, 0x40)
  if (size > 64) view.setUint32(0x40, 0x00030001, true)
  return bytes
}

function dump(address: string, bytes: Uint8Array): string {
  const rows = Array.from({ length: bytes.length / 16 }, (_, row) => {
    const hex = [...bytes.subarray(row * 16, row * 16 + 16)].map((byte) => byte.toString(16).padStart(2, '0'))
    return `${(row * 16).toString(16).padStart(2, '0')}: ${hex.join(' ')}`
  })
  return `${address} Ethernet controller: whatever\n${rows.join('\n')}\n\n`
}

let tree: FakeTree
let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'quiesce-show-'))
  tree = fakeTree([
    {
      address: '0000:03:00.0',
      driver: 'igb',
      group: '7',
      config: configSpace(256),
      files: { reset_method: 'flr', resource: '0x00000000febc0000 0x00000000febdffff 0x0000000000040200' },
    },
    { address: '0000:04:00.0', ids: '8086:1572', config: configSpace(64) },
  ])
})
after(() => {
  tree[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

describe('quiesce show', () => {
  it('decodes the configuration space and says what stands in the way', () => {
    const { status, stdout } = runProgram(['show', '03:00.0', '--sysroot', tree.root])
    assert.equal(status, 0)
    assert.match(stdout, /^0000:03:00\.0 {2}.*\[8086:10c9\] \(rev 01\)/)
    assert.match(stdout, /Driver +igb/)
    assert.match(stdout, /IOMMU group +7: 0000:03:00\.0 igb/)
    assert.match(stdout, /- the driver igb holds it/)
    assert.match(stdout, /0x04 +Command +0x0507 +ioSpace memorySpace busMaster/)
    assert.match(stdout, /0x10 +BAR0 +0xfebc0000 +32-bit memory, 128 KiB/)
    assert.match(stdout, /0x40 +\[Power Management\]/)
    assert.match(stdout, /Guest's view +not read: add --guest/)
  })

  it('takes ids where only one device has them', () => {
    const answer = parseAnswer(runProgram(['show', '8086:10c9', '--json', '--sysroot', tree.root]))
    assert.equal(answer['device'], '0000:03:00.0')
  })

  it('as JSON has the host, the hardware and why there is no guest', () => {
    const answer = parseAnswer(runProgram(['show', '03:00.0', '--format', 'json', '--sysroot', tree.root]))
    assert.equal(answer['source'], 'sysfs')
    assert.equal((answer['hardware'] as { command: { raw: number } }).command.raw, 0x0507)
    assert.equal(answer['guest'], null)
    assert.match(String(answer['guestMissing']), /--guest/)
    const host = answer['host'] as { assignable: boolean; resources: { size: string }[] }
    assert.equal(host.assignable, false)
    assert.equal(host.resources[0]?.size, '0x20000')
  })

  it('says that only the header could be read', () => {
    const { status, stdout } = runProgram(['show', '04:00.0', '--sysroot', tree.root])
    assert.equal(status, 0)
    assert.match(stdout, /only the header could be read \(64 bytes\)/)
  })

  it('as lspci prints has its lines', () => {
    const { status, stdout } = runProgram(['show', '03:00.0', '--format', 'lspci', '--sysroot', tree.root])
    assert.equal(status, 0)
    assert.match(stdout, /^03:00\.0 /)
    assert.match(stdout, /^\tControl: I\/O\+ Mem\+ BusMaster\+/m)
    assert.match(stdout, /^\tKernel driver in use: igb$/m)
  })

  it("of a simulated device has the guest's view beside the hardware's", () => {
    const answer = parseAnswer(runProgram(['show', 'sim:nvme', '--json']))
    assert.equal(answer['source'], 'sim')
    assert.notEqual(answer['guest'], null)
    assert.match(runProgram(['show', 'sim:nvme']).stdout, /REGISTER +HARDWARE +GUEST/)
  })

  it('reads a dump, all of it or one device, from a file or from standard input', () => {
    const text = dump('03:00.0', configSpace(256)) + dump('0000:04:00.0', configSpace(64))
    const file = join(folder, 'dump.txt')
    writeFileSync(file, text)
    assert.deepEqual(
      parseAnswers(runProgram(['show', '--dump', file, '--json'])).map((answer) => answer['device']),
      ['0000:03:00.0', '0000:04:00.0'],
    )
    const piped = runProgram(['show', '04:00.0', '--dump', '-', '--json'], { input: text })
    assert.equal(parseAnswer(piped)['device'], '0000:04:00.0')
    assert.equal(runProgram(['show', '05:00.0', '--dump', file]).status, 69)
  })

  it('refuses a dump that was cut', () => {
    const cut = dump('03:00.0', configSpace(256)).split('\n').slice(0, 8).join('\n')
    const run = runProgram(['show', '--dump', '-'], { input: cut })
    assert.equal(run.status, 64)
    assert.match(run.stderr, /^quiesce: Cannot parse dump: 0000:03:00\.0 has 112 bytes/)
  })
})
