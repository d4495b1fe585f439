// `quiesce reset` on the real kernel: every device of the VM, every rung, every exit status that hardware can give.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { ResetReport } from '../../src/reset/report.js'
import { accessesBetween } from './config-trace.js'
import type { CommandOutcome, CommandStep } from './guest/commands.js'
import { addressIn, bindToVfio, quiesce, runCommands } from './run-commands.js'
import type { VmRun } from './run-in-vm.js'
import { topology } from './topology.js'

/** Debian's user without rights. */
const nobody = 65534
const machine = topology()
const at = (name: string) => addressIn(machine, name)
const sysfs = (address: string) => `/sys/bus/pci/devices/${address}`

interface Case {
  readonly name: string
  readonly args: readonly string[]
  readonly status: number
  readonly verdict?: string
  /** Method and result of every attempt. */
  readonly attempts?: readonly (readonly [string, string])[]
  /** What the output must contain. */
  readonly says?: RegExp
  readonly steps?: readonly CommandStep[]
}

const cases: readonly Case[] = [
  {
    name: 'edu on the root bus has no reset: quiesced',
    args: [at('edu-root')],
    status: 10,
    verdict: 'quiesced',
    attempts: [
      ['vfio', 'skipped'],
      ['hot', 'skipped'],
      ['pm', 'skipped'],
    ],
    says: /VFIO_DEVICE_FLAGS_RESET is clear/,
  },
  {
    name: 'edu behind a port is clean by vfio',
    args: [at('edu-port')],
    status: 0,
    verdict: 'clean',
    attempts: [['vfio', 'ok']],
  },
  { name: 'nvme is clean by vfio', args: [at('nvme')], status: 0, verdict: 'clean', attempts: [['vfio', 'ok']] },
  { name: 'igb is clean by vfio', args: [at('igb')], status: 0, verdict: 'clean', attempts: [['vfio', 'ok']] },
  { name: 'e1000e is clean by vfio', args: [at('e1000e')], status: 0, verdict: 'clean', attempts: [['vfio', 'ok']] },
  {
    name: 'e1000e is clean by pm',
    args: [at('e1000e'), '--methods', 'pm'],
    status: 0,
    verdict: 'clean',
    attempts: [['pm', 'ok']],
  },
  {
    name: 'a device whose D3hot keeps its state is not reset by pm',
    args: [at('rng-park'), '--methods', 'pm'],
    status: 10,
    verdict: 'quiesced',
    attempts: [['pm', 'skipped']],
    says: /NoSoftRst = 1/,
  },
  {
    name: 'a hot reset resets a bus that is all ours',
    args: [at('edu-shared-a'), '--methods', 'hot'],
    status: 0,
    verdict: 'clean',
    attempts: [['hot', 'ok']],
  },
  {
    name: 'a bus whose link does not come back in time is no hot reset: the device stays quiesced',
    args: [at('rng-slow'), '--methods', 'hot'],
    status: 10,
    verdict: 'quiesced',
    attempts: [['hot', 'unsupported']],
    says: /ENOTTY/,
  },
]

const jsonOf = (outcome: CommandOutcome): ResetReport => JSON.parse(outcome.stdout)

describe('quiesce reset on the real kernel', () => {
  let said: ReadonlyMap<string, CommandOutcome>
  let run: VmRun

  const outcome = (name: string): CommandOutcome => {
    const found = said.get(name)
    assert.ok(found, `${name} was not run`)
    return found
  }

  before(async () => {
    const everything = machine.devices.map(({ address }) => address)
    const steps: CommandStep[] = [
      ...bindToVfio(...everything),
      ...cases.flatMap(({ name, args }): CommandStep[] => [
        ...(name === 'e1000e is clean by pm' ? [{ do: 'mark' as const, number: 1 }] : []),
        quiesce(name, 'reset', ...args, '--json'),
        ...(name === 'e1000e is clean by pm' ? [{ do: 'mark' as const, number: 2 }] : []),
      ]),
      quiesce('two at once', 'reset', at('nvme'), at('e1000e'), '--json'),
      quiesce('the worst of two', 'reset', at('nvme'), at('edu-root')),
      quiesce('two on one bus', 'reset', at('edu-shared-a'), at('edu-shared-b'), '--methods', 'hot', '--json'),
      quiesce('dry run', 'reset', at('nvme'), '--dry-run'),
      quiesce('no such device', 'reset', '0000:7f:00.0', '--json'),
      quiesce('ambiguous', 'reset', '1234:11e8'),
      quiesce('no such method', 'reset', at('nvme'), '--methods', 'magic'),
      { ...quiesce('no permission', 'reset', at('nvme')), user: nobody },
      {
        do: 'run',
        name: 'busy',
        line: [
          'sh',
          '-c',
          `exec 3<>/dev/vfio/$(basename $(readlink ${sysfs(at('nvme'))}/iommu_group)); quiesce reset ${at('nvme')}`,
        ],
      },
      // A sibling with a host driver makes the group unusable, and is named.
      { do: 'bind', driver: 'pci-pf-stub', address: at('edu-shared-b') },
      quiesce('not viable', 'reset', at('edu-shared-a')),
      { do: 'bind', driver: 'pci-pf-stub', address: at('e1000e') },
      quiesce('wrong driver', 'reset', at('e1000e')),
      { do: 'virtual-functions', of: at('igb'), count: 2 },
      ...bindToVfio('@vf0', '@vf1'),
      quiesce('virtual function', 'reset', '@vf0', '--json'),
      quiesce('siblings not owned', 'reset', '@vf0', '--methods', 'hot', '--json'),
    ]
    ;({ said, run } = await runCommands(machine, steps))
  })

  for (const { name, status, verdict, attempts, says } of cases) {
    it(name, () => {
      const { status: ended, stdout, stderr } = outcome(name)
      assert.equal(ended, status, stdout + stderr)
      const report = jsonOf(outcome(name))
      assert.equal(report.verdict, verdict, stdout)
      assert.deepEqual(
        report.attempts.map(({ method, result }) => [method, result]),
        attempts,
        stdout,
      )
      assert.deepEqual([report.verified.reachable, report.verified.quiet], [true, true])
      if (says !== undefined) assert.match(stdout, says)
    })
  }

  it('pm sends the device to D3hot and back, with the Command register cleared before, as QEMU sees it', () => {
    const writes = accessesBetween(run.configWrites, 1, 2).filter(({ device }) => device === 'e1000e')
    const { steps } = jsonOf(outcome('e1000e is clean by pm'))
    assert.ok(steps.some(({ method, what }) => method === 'pm' && what === 'enter D3hot'))
    // PMCSR of QEMU's e1000e is at 0xcc: the capability is at 0xc8.
    const power = writes.filter(({ offset }) => offset === 0xcc).map(({ value }) => value & 3)
    const entered = power.indexOf(3)
    assert.ok(entered >= 0 && power.indexOf(0, entered) > entered, `PMCSR was written ${power.join(', ')}`)
    const d3 = writes.findIndex(({ offset, value }) => offset === 0xcc && (value & 3) === 3)
    const cleared = writes
      .slice(0, d3)
      .filter(({ offset }) => offset === 4)
      .at(-1)
    assert.equal((cleared?.value ?? 0x7) & 0x7, 0, 'Command was not clear when the device went to D3hot')
  })

  it('two devices at once are reported as an array, in order', () => {
    const { status, stdout } = outcome('two at once')
    const reports = JSON.parse(stdout) as ResetReport[]
    assert.deepEqual(
      reports.map(({ device, verdict }) => [device, verdict]),
      [
        [at('nvme'), 'clean'],
        [at('e1000e'), 'clean'],
      ],
    )
    assert.equal(status, 0)
  })

  it('the exit status of several devices is that of the worst', () => {
    assert.equal(outcome('the worst of two').status, 10)
  })

  it('two devices on one bus are both clean by hot resets of it', () => {
    const { status, stdout, stderr } = outcome('two on one bus')
    assert.equal(status, 0, stdout + stderr)
    const reports = JSON.parse(stdout) as ResetReport[]
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['clean', 'clean'],
    )
  })

  it('a virtual function is clean by its Function Level Reset', () => {
    const { status, stdout, stderr } = outcome('virtual function')
    assert.equal(status, 0, stdout + stderr)
    assert.equal(jsonOf(outcome('virtual function')).verdict, 'clean')
  })

  it('a hot reset that would take along what is not ours is not done, and says whose it is', () => {
    const { status, stdout, stderr } = outcome('siblings not owned')
    assert.equal(status, 10, stdout + stderr)
    const [attempt] = jsonOf(outcome('siblings not owned')).attempts
    assert.equal(attempt?.result, 'skipped')
    assert.match(attempt?.reason ?? '', new RegExp(`${at('igb').replaceAll('.', '\\.')}.*pci-pf-stub`))
  })

  const refusals: readonly (readonly [string, number, RegExp])[] = [
    ['no such device', 69, /0000:7f:00\.0/],
    ['ambiguous', 64, /1234:11e8/],
    ['no such method', 64, /magic/],
    ['no permission', 77, /may not open \/dev\/vfio/],
    [
      'not viable',
      73,
      new RegExp(`${at('edu-shared-b').replaceAll('.', '\\.')}.*pci-pf-stub|pci-pf-stub.*${at('edu-shared-b')}`),
    ],
    ['busy', 73, /fuser/],
    ['wrong driver', 73, /pci-pf-stub/],
  ]
  for (const [name, status, says] of refusals) {
    it(`${name}: says so and ends with ${status}`, () => {
      const { status: ended, stdout, stderr } = outcome(name)
      assert.equal(ended, status, stdout + stderr)
      assert.match(stdout + stderr, says)
    })
  }

  it('a dry run says what would be done and opens nothing', () => {
    const { status, stdout, stderr } = outcome('dry run')
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /vfio/)
  })
})

describe('without an IOMMU', () => {
  it('quiesce says that there is none, and ends with 69', async () => {
    const bare = topology(['edu-root'], { iommu: false })
    const address = addressIn(bare, 'edu-root')
    const { said } = await runCommands(bare, [quiesce('reset', 'reset', address), quiesce('list', 'list')])
    assert.equal(said.get('reset')?.status, 69)
    assert.match(said.get('reset')?.stderr ?? '', /IOMMU/)
    assert.match(said.get('list')?.stdout ?? '', /no IOMMU group/)
  })
})
