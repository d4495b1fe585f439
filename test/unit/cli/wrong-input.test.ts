import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { FakeTree } from '../host/fake-sysfs.js'
import { fingerprint, passthroughMachine } from './machines.js'
import { parseAnswer, parseAnswers, runProgram } from './run-program.js'

let tree: FakeTree
before(() => {
  tree = passthroughMachine()
})
after(() => tree[Symbol.dispose]())

/** What was typed, what it must end with, and what it must say; `@` stands for the machine's root. */
const cases: readonly (readonly [typed: string, status: number, says: RegExp])[] = [
  ['frobnicate', 64, /unknown command 'frobnicate'/],
  ['lst', 64, /unknown command 'lst'.*list/],
  ['--frobnicate', 64, /unknown option '--frobnicate'/],
  ['bind 01:00.0', 64, /unknown command 'bind'/],

  ['demo --frobnicate', 64, /quiesce demo: unknown option '--frobnicate'/],
  ['demo sim:edu', 64, /quiesce demo: too many arguments/],

  ['list --frobnicate', 64, /quiesce list: unknown option/],
  ['list 01:00.0', 64, /too many arguments/],
  ['list --sysroot', 64, /argument missing/],
  ['list --sysroot /nonexistent', 64, /Cannot use --sysroot \/nonexistent: it has no directory sys/],

  ['show', 64, /neither a device nor --dump/],
  ['show nonsense', 64, /Cannot understand device "nonsense"/],
  ['show 01:00.0 02:00.0', 64, /too many arguments/],
  ['show sim:nonsense', 69, /Cannot find sim:nonsense: there is no such model/],
  ['show 7f:00.0 --sysroot @', 69, /Cannot find 0000:7f:00\.0/],
  ['show ffff:ffff --sysroot @', 69, /no PCI device has these ids/],
  ['show 8086:1572 --sysroot @', 64, /2 devices match \(0000:03:00\.0, 0000:03:00\.1\)/],
  ['show sim:edu --format xml', 64, /Cannot use --format "xml"/],
  ['show --dump /nonexistent', 64, /Cannot read \/nonexistent: ENOENT/],
  ['show --dump /', 64, /Cannot read \/: EISDIR/],
  ['show --dump /dev/null', 64, /Cannot parse dump/],
  ['show 02:00.0 --guest --sysroot @', 73, /Cannot open 0000:02:00\.0: the driver nvme holds it/],
  ['show 01:00.0 --guest --sysroot @', 64, /below --sysroot it is not of this machine/],

  ['reset', 64, /missing required argument 'device'/],
  ['reset nonsense', 64, /Cannot understand device "nonsense"/],
  ['reset sim:nonsense', 69, /no such model/],
  ['reset sim:edu sim:edu', 64, /Cannot take sim:edu twice/],
  ['reset 01:00.0 0000:01:00.0 --sysroot @', 64, /Cannot take 0000:01:00\.0 twice/],
  ['reset 7f:00.0 --sysroot @', 69, /Cannot find 0000:7f:00\.0/],
  ['reset 02:00.0 --sysroot @', 73, /Cannot reset 0000:02:00\.0: the driver nvme holds it/],
  ['reset 03:00.0 --sysroot @', 73, /IOMMU group 9 is shared .*0000:03:00\.1 by i40e/],
  ['reset 04:00.0 --sysroot @', 69, /in no IOMMU group/],
  ['reset 05:00.0 --sysroot @', 73, /no driver holds it/],
  ['reset 00:01.0 --sysroot @', 69, /it is a bridge/],
  ['reset 01:00.0 --sysroot @', 64, /below --sysroot/],
  ['reset sim:edu --methods', 64, /argument missing/],
  ['reset sim:edu --methods flr', 64, /Cannot use --methods "flr"/],
  ['reset sim:edu --methods vfio,vfio', 64, /Cannot use --methods "vfio,vfio"/],
  ['reset sim:edu --methods vfio,', 64, /Cannot use --methods "vfio,"/],
  ['reset sim:edu --methods vfio --methods hot', 64, /Cannot use --methods twice: it takes one value/],
  ['reset sim:edu --timeout 5s --timeout 5s', 64, /Cannot use --timeout twice/],
  ['list --sysroot @ --sysroot @', 64, /Cannot use --sysroot twice/],
  ['reset sim:edu --order backwards', 64, /Cannot use --order "backwards"/],
  ['reset sim:edu --backend fast', 64, /Cannot use --backend "fast"/],
  ['reset sim:edu --timeout soon', 64, /Cannot use --timeout "soon"/],
  ['reset sim:edu --timeout 0', 64, /Cannot use --timeout "0"/],
  ['reset sim:edu --timeout -5s', 64, /--timeout/],
  ['reset sim:edu --timeout 999h', 64, /Cannot use --timeout "999h"/],
]

describe('wrong input', () => {
  for (const [typed, status, says] of cases) {
    it(`of "quiesce ${typed}" ends with ${status}, says why, and changes nothing`, () => {
      const untouched = fingerprint(tree.root)
      const run = runProgram(typed.split(' ').map((word) => (word === '@' ? tree.root : word)))
      assert.equal(run.status, status, run.stderr)
      assert.match(run.stderr.replaceAll('\n', ' '), says)
      assert.match(run.stderr, /^quiesce: Cannot .*[^.]\n {2}hint: \S/)
      assert.equal(run.stdout, '')
      assert.equal(fingerprint(tree.root), untouched)
    })
  }

  it('with --json is an object on standard output too', () => {
    const run = runProgram(['reset', '02:00.0', '--json', '--sysroot', tree.root])
    assert.equal(run.status, 73)
    const answer = parseAnswer(run)
    assert.equal(answer['schema'], 'quiesce.error/1')
    assert.equal(answer['code'], 'WRONG_DRIVER')
    assert.equal(answer['device'], '0000:02:00.0')
    assert.match(run.stderr, /^quiesce: Cannot reset 0000:02:00\.0/)
  })

  it('with --json is an object even where the parser refuses it', () => {
    const run = runProgram(['reset', '--json'])
    assert.equal(run.status, 64)
    assert.equal(parseAnswer(run)['code'], 'USAGE')
  })

  it('names every device that cannot be had, not only the first', () => {
    const run = runProgram(['reset', '02:00.0', '01:00.0', '03:00.0', '--json', '--sysroot', tree.root])
    assert.equal(run.status, 73)
    assert.deepEqual(
      parseAnswers(run).map(({ device, code }) => [device, code]),
      [
        ['0000:02:00.0', 'WRONG_DRIVER'],
        ['0000:03:00.0', 'GROUP_NOT_VIABLE'],
      ],
    )
    const both = runProgram(['reset', '7e:00.0', '7f:00.0', '--json', '--sysroot', tree.root])
    assert.equal(both.status, 69)
    assert.deepEqual(
      parseAnswers(both).map((answer) => answer['device']),
      ['0000:7e:00.0', '0000:7f:00.0'],
    )
  })

  it('without any argument shows the help and ends with 64', () => {
    const run = runProgram([])
    assert.equal(run.status, 64)
    assert.match(run.stdout, /Usage: quiesce/)
    assert.match(run.stderr, /no command was given/)
  })
})

describe('a file that this user may not open', () => {
  // Root may open every file: there is nothing to see then, and the assignability tests cover the check itself.
  const isRoot = process.getuid?.() === 0

  it(`ends with 77${isRoot ? ' (as root: is open)' : ''}`, () => {
    chmodSync(`${tree.dev}/vfio/7`, 0)
    const run = runProgram(['reset', '01:00.0', '--dry-run', '--sysroot', tree.root])
    chmodSync(`${tree.dev}/vfio/7`, 0o644)
    assert.equal(run.status, isRoot ? 0 : 77)
  })
})
