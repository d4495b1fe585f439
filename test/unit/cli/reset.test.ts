import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { FakeTree } from '../host/fake-sysfs.js'
import { fingerprint, knownDevicesMachine, passthroughMachine } from './machines.js'
import { parseAnswer, parseAnswers, runProgram } from './run-program.js'

describe('quiesce reset', () => {
  for (const [device, verdict, status] of [
    ['sim:flr', 'clean', 0],
    ['sim:pm-reset', 'clean', 0],
    ['sim:nvme', 'clean', 0],
    ['sim:edu', 'quiesced', 10],
    ['sim:no-reset', 'quiesced', 10],
    ['sim:stuck-master', 'contained', 11],
    ['sim:deaf', 'contained', 11],
    ['sim:never-returns', 'contained', 11],
    ['sim:lost', 'lost', 12],
  ] as const) {
    it(`of ${device} ends with ${verdict} and ${status}`, () => {
      const run = runProgram(['reset', device, '--json'])
      const answer = parseAnswer(run)
      assert.equal(answer['schema'], 'quiesce.reset/1')
      assert.equal(answer['device'], device)
      assert.equal(answer['verdict'], verdict)
      assert.equal(run.status, status)
      assert.equal(run.stderr, '')
      const words = runProgram(['reset', device])
      assert.equal(words.status, status)
      assert.match(words.stdout, new RegExp(`^${device}  ${verdict.toUpperCase()}: `))
    })
  }

  it('of several devices gives an array, and the status of the worst', () => {
    const run = runProgram(['reset', 'sim:flr', 'sim:stuck-master', 'sim:edu', '--json'])
    assert.equal(run.status, 11)
    assert.deepEqual(
      parseAnswers(run).map((answer) => [answer['device'], answer['verdict']]),
      [
        ['sim:flr', 'clean'],
        ['sim:stuck-master', 'contained'],
        ['sim:edu', 'quiesced'],
      ],
    )
  })

  it('resets a shared bus only if all of it was named', () => {
    const alone = parseAnswer(runProgram(['reset', 'sim:siblings.0', '--json']))
    assert.equal(alone['verdict'], 'quiesced')
    assert.match(JSON.stringify(alone['attempts']), /sim:siblings\.1, which this process does not own/)
    const both = runProgram(['reset', 'sim:siblings.0', 'sim:siblings.1', '--json'])
    assert.equal(both.status, 0)
    assert.deepEqual(
      parseAnswers(both).map((answer) => answer['verdict']),
      ['clean', 'clean'],
    )
  })

  it('takes the methods, the order and the deadline that are asked for', () => {
    const run = runProgram(
      'reset sim:flr --methods pm,vfio --order reset-first --require-reset --timeout 1500ms --json'.split(' '),
    )
    const answer = parseAnswer(run)
    const policy = answer['policy'] as Record<string, unknown>
    assert.deepEqual(policy['methods'], ['pm', 'vfio'])
    assert.equal(policy['order'], 'reset-first')
    assert.equal(policy['requireReset'], true)
    assert.equal(policy['methodTimeoutMs'], 1500)
    assert.deepEqual(
      (answer['attempts'] as Record<string, unknown>[]).map(({ method }) => method),
      ['pm', 'vfio'],
    )
  })

  it('refuses the reuse of what is not clean where a reset is required', () => {
    const answer = parseAnswer(runProgram(['reset', 'sim:edu', '--require-reset', '--json']))
    assert.equal(answer['reusable'], false)
    assert.match(runProgram(['reset', 'sim:edu', '--require-reset']).stdout, /only a clean device may be used again/)
    assert.equal(parseAnswer(runProgram(['reset', 'sim:edu', '--json']))['reusable'], true)
  })

  it('says in words what it found', () => {
    const { stdout } = runProgram(['reset', 'sim:edu', '--steps'])
    assert.match(stdout, /Command +0x[0-9a-f]{4} -> 0x[0-9a-f]{4}, read back: bus mastering, memory and I\/O are off/)
    assert.match(stdout, /vfio +skipped .*VFIO_DEVICE_FLAGS_RESET is clear/)
    assert.match(stdout, /Checked +answers, quiet, in D0, interrupts off/)
    assert.match(stdout, /Steps .*probe/)
  })
})

describe('the words of a report', () => {
  const wordsOf = (device: string, ...more: string[]) => runProgram(['reset', device, ...more]).stdout

  it('say why outstanding requests could not be seen', () => {
    assert.match(wordsOf('sim:edu'), /Pending +not observable: the device has no Transactions Pending bit/)
    const deaf = wordsOf('sim:deaf')
    assert.match(deaf, /Pending +not observable: .*(all ones|does not answer)/)
    assert.doesNotMatch(deaf, /no Transactions Pending bit/)
  })

  it('claim nothing of a device that nobody looked at, because its reset is still running', () => {
    const words = wordsOf('sim:never-returns', '--timeout', '1s')
    assert.match(words, /vfio +stuck/)
    assert.match(words, /Checked +not looked at: a reset is still running/)
    assert.doesNotMatch(words, /unreadable|does not answer|memory and I\/O are off/)
  })

  it('do not say that a device which could not be verified does not answer', () => {
    assert.match(wordsOf('sim:deaf'), /Checked +not shown to answer, not shown to be quiet/)
  })

  it('say why a device was contained', () => {
    assert.match(
      wordsOf('sim:stuck-master'),
      /Contained +the IOMMU has taken all memory away from it: Command does not/,
    )
  })
})

describe('quiesce reset --dry-run', () => {
  let tree: FakeTree
  before(() => {
    tree = passthroughMachine()
  })
  after(() => tree[Symbol.dispose]())

  it('says what would be done and changes nothing', () => {
    const untouched = fingerprint(tree.root)
    const run = runProgram(['reset', '01:00.0', '--dry-run', '--sysroot', tree.root])
    assert.equal(run.status, 0)
    assert.match(run.stdout, /^0000:01:00\.0 {2}could be reset now; nothing was changed/)
    assert.match(run.stdout, /vfio +applies +the kernel would try: flr, bus/)
    assert.match(run.stdout, /hot +applies +the bus behind 0000:00:01\.0 holds 0000:01:00\.0 \(driver vfio-pci\)/)
    assert.equal(fingerprint(tree.root), untouched)
  })

  it('has the status of what stands in the way', () => {
    const run = runProgram(['reset', '02:00.0', '--dry-run', '--json', '--sysroot', tree.root])
    assert.equal(run.status, 73)
    const answer = parseAnswer(run)
    assert.equal(answer['schema'], 'quiesce.reset-plan/1')
    assert.equal(answer['ready'], false)
    assert.equal(answer['scope'], null)
  })

  it('has the policy of a known device, and says why', () => {
    using known = knownDevicesMachine()
    const plan = (address: string, ...more: string[]) =>
      parseAnswer(runProgram(['reset', address, '--dry-run', '--json', '--sysroot', known.root, ...more]))
    const policyOf = (answer: Record<string, unknown>) => answer['policy'] as Record<string, unknown>

    const chelsio = plan('06:00.0')
    assert.equal(policyOf(chelsio)['order'], 'reset-first')
    assert.match(JSON.stringify(chelsio['knownDevice']), /Chelsio.*wedge.*quirks\.c/)
    const radeon = plan('07:00.0')
    assert.deepEqual(policyOf(radeon)['methods'], ['vfio', 'hot'])
    assert.deepEqual(
      (radeon['methods'] as { method: string }[]).map(({ method }) => method),
      ['vfio', 'hot'],
    )
    // What is asked for goes before what is known, and only the display function of the card is known.
    assert.equal(policyOf(plan('06:00.0', '--order', 'quiesce-first'))['order'], 'quiesce-first')
    assert.equal(plan('07:00.1')['knownDevice'], undefined)

    const { stdout } = runProgram(['reset', '06:00.0', '--dry-run', '--sysroot', known.root])
    assert.match(stdout, /Order +reset first, then stop its DMA/)
    assert.match(stdout, /Known device +Chelsio T4 and later: the adapter can wedge .*quirks\.c/)
  })

  it('of simulated devices asks them together', () => {
    const run = runProgram(['reset', 'sim:siblings.0', 'sim:siblings.1', '--dry-run', '--json'])
    assert.equal(run.status, 0)
    for (const plan of parseAnswers(run)) {
      const methods = plan['methods'] as { method: string; applies: boolean }[]
      assert.deepEqual(
        methods.map(({ method, applies }) => [method, applies]),
        [
          ['vfio', false],
          ['hot', true],
          ['pm', false],
        ],
      )
    }
  })
})
