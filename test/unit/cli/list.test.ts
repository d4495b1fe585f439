import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type FakeTree, fakeTree } from '../host/fake-sysfs.js'
import { passthroughMachine } from './machines.js'
import { parseAnswer, runProgram } from './run-program.js'

let tree: FakeTree
before(() => {
  tree = passthroughMachine()
})
after(() => tree[Symbol.dispose]())

describe('quiesce list', () => {
  it('shows the devices that one would assign, and why one cannot be', () => {
    const { status, stdout, stderr } = runProgram(['list', '--sysroot', tree.root])
    assert.equal(status, 0)
    const lines = stdout.trimEnd().split('\n')
    assert.deepEqual(
      lines.slice(1).map((line) => [line.slice(0, 12), /(yes|no: .*)$/.exec(line)?.[0]]),
      [
        ['0000:01:00.0', 'yes'],
        ['0000:02:00.0', 'no: held by nvme'],
        ['0000:03:00.0', 'no: group shared with 0000:03:00.1'],
        ['0000:03:00.1', 'no: held by i40e'],
        ['0000:04:00.0', 'no: no IOMMU group'],
        ['0000:05:00.0', 'no: not held by vfio-pci'],
      ],
    )
    assert.match(lines[1] ?? '', /\[8086:10c9\] +vfio-pci +7 +flr bus +yes/)
    assert.match(stderr, /^2 of the machine's own/)
    assert.match(stderr, /quiesce show 0000:02:00\.0/)
  })

  it('aligns its columns', () => {
    const { stdout } = runProgram(['list', '--sysroot', tree.root])
    const [head = '', ...rows] = stdout.trimEnd().split('\n')
    const at = head.indexOf('DRIVER')
    assert.ok(rows.every((row) => row[at - 1] === ' ' && row[at] !== ' '))
  })

  it('with --all shows bridges too', () => {
    const { stdout } = runProgram(['list', '--all', '--sysroot', tree.root])
    assert.equal(stdout.trimEnd().split('\n').length, 9)
    assert.match(stdout, /^0000:00:01\.0 .*no: bridge/m)
  })

  it('with --json is for programs', () => {
    const answer = parseAnswer(runProgram(['list', '--json', '--sysroot', tree.root]))
    const devices = answer['devices'] as Record<string, unknown>[]
    assert.equal(devices.length, 6)
    const { className, vendorName, deviceName, ...first } = devices[0] ?? {}
    assert.deepEqual(first, {
      address: '0000:01:00.0',
      classCode: '0x020000',
      vendorId: '0x8086',
      deviceId: '0x10c9',
      driver: 'vfio-pci',
      iommuGroup: '7',
      resetMethods: ['flr', 'bus'],
      assignable: true,
      blockers: [],
    })
  })

  it('of a machine without PCI is empty', () => {
    using empty = fakeTree([])
    const run = runProgram(['list', '--json', '--sysroot', empty.root])
    assert.deepEqual(parseAnswer(run), { schema: 'quiesce.list/1', devices: [] })
    assert.match(runProgram(['list', '--sysroot', empty.root]).stderr, /No PCI device/)
  })

  it('of this machine answers whatever there is', () => {
    const run = runProgram(['list', '--all', '--json'])
    assert.equal(run.status, 0)
    parseAnswer(run)
  })
})
