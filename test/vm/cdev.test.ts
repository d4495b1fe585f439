// src/vfio by character device and iommufd, on a kernel that has them.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { addressIn, bindToVfio, quiesce, runCommands } from './run-commands.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

// What travels as JSON is looked at as such.
// biome-ignore lint/suspicious/noExplicitAny: the guest program is the only author of these results
type Json = any

const machine = topology(['edu-root', 'edu-root-2', 'edu-port', 'rng-slow', 'edu-shared-a', 'edu-shared-b', 'igb'])
const addressOf = (name: string) => addressIn(machine, name)
const done = { ok: true }

describe('a device by character device and iommufd', () => {
  const results = new Map<string, Json>()
  const of = (scenario: string): Json => results.get(scenario) ?? assert.fail(`${scenario} gave no result`)

  before(async () => {
    const run = await runInVm({ program: 'cdev', topology: machine, kernel: 'iommufd', timeoutMs: 300_000 })
    for (const { scenario, result, error } of run.results as Json[]) results.set(scenario, error ?? result)
    assert.equal(run.exitCode, 0, run.serial)
  })

  it('is opened so where the kernel offers it, and works as it does by its group', () => {
    const { backend, apertures, pageSize, mappingsLeft, backings, landed, reset, scope } = of('opening')
    assert.deepEqual([backend, pageSize, mappingsLeft], ['vfio-cdev', '0x1000', null])
    assert.deepEqual(apertures[0], { first: '0x0', last: '0xfedfffff' })
    assert.deepEqual(backings, ['memory', 'fd', 'hostAddress', 'dmabuf'])
    assert.deepEqual([landed.inFlight, landed.landed], [true, true])
    assert.deepEqual([reset.errno, scope.errno], ['EINVAL', 'ENODEV'])
  })

  it('is had by one owner, and one way', () => {
    const { twice, busy, busyByGroup } = of('opening')
    for (const refused of [twice, busy, busyByGroup]) assert.equal(refused.code, 'BUSY')
    const { backend, backings, mapped } = of('the other way')
    assert.deepEqual([backend, backings, mapped], ['vfio-group', ['memory', 'fd', 'hostAddress'], 1])
  })

  it('is detached to contain it, and what shares its address space goes on', () => {
    const { shared, before: landed, inFlight, contained, again, during, later, mappings } = of('containment')
    assert.deepEqual(shared, { sharedWith: [addressOf('edu-root-2')], same: true })
    assert.deepEqual([landed, inFlight], [[true, true], true])
    const detached = { ok: true, method: 'detach', alsoContained: [] }
    assert.deepEqual([contained, again], [detached, detached])
    assert.deepEqual(
      [during, later],
      [
        [false, true],
        [false, true],
      ],
    )
    assert.equal(mappings, 2)
  })

  it('reaches its mappings again once it is readmitted', () => {
    const { readmitted, after } = of('containment')
    assert.deepEqual([readmitted, after], [done, [true]])
  })

  it('has an address space of its own where that is wanted', () => {
    assert.deepEqual(of('apart'), { sharedWith: [], same: false })
  })

  it('is contained with all of its group, and comes back with all of it', () => {
    const { before: landed, contained, during, both, one, still, other, after, newcomer, released } = of('one group')
    assert.deepEqual(landed, [true, true])
    const [a, b] = [addressOf('edu-shared-a'), addressOf('edu-shared-b')]
    assert.deepEqual(contained, { ok: true, method: 'detach', alsoContained: [b] })
    assert.equal(during, false, 'what the sibling had in flight')
    assert.deepEqual([both.ok, one.errno, still, other, after], [true, 'EBUSY', [false], done, [true, true]])
    assert.ok(one.message.includes(b), `${a} waits for ${b}`)
    assert.deepEqual([newcomer, released], [[false], [true]])
  })

  it('reaches a file that is not mapped into this process', () => {
    const { touched, mapped, stranger } = of('a file')
    assert.deepEqual([touched, mapped, stranger.code], [[false, true, false], 0, 'UNSUPPORTED'])
  })

  it('is reset by its bus where all on it is bound to the same iommufd, or in a group with it', () => {
    const { alone, together } = of('hot reset')
    assert.deepEqual(alone, {
      scope: { ok: true, affected: [{ address: addressOf('edu-port'), owned: true, driver: 'vfio-pci' }] },
      outcome: done,
    })
    assert.deepEqual(
      of('one group').alone.affected.map(({ owned }: Json) => owned),
      [true, true],
    )
    assert.deepEqual([together.scope.affected.length, together.outcome], [2, done])
  })

  it('is not reset by its bus where somebody else’s device is on it', () => {
    const { backend, scope, outcome } = of('hot reset').foreign
    assert.equal(backend, 'vfio-cdev')
    const strangers = scope.affected.filter(({ owned }: Json) => !owned)
    assert.deepEqual(
      strangers.map(({ address }: Json) => address),
      [addressOf('igb')],
    )
    assert.equal(outcome.errno, 'EINVAL')
    assert.match(outcome.message, /not owned/)
  })

  it('is contained in the middle of a hot reset without waiting for its end', () => {
    const { contained, again, wasUnderWay, early, outcome, mappings, refused, readmitted } =
      of('contained in a hot reset')
    assert.deepEqual([contained.method, again.method, wasUnderWay], ['unmap-all', 'unmap-all', true])
    assert.deepEqual([early.errno, outcome.errno], ['EBUSY', 'ENOTTY'])
    assert.deepEqual([mappings, refused.code, readmitted], [0, 'DMA_CONFLICT', done])
  })

  it('writes to another device whose BAR is shared, until that is reset; and again once it is mapped anew', () => {
    const { shares, written, outside, reset, afterReset, mappedAnew } = of('peer to peer')
    assert.deepEqual([shares, written, outside.code, reset], [true, 0x1234_5678, 'SYSTEM', done])
    assert.equal(afterReset, 0x1234_5678, 'the kernel has taken it out of the address space')
    assert.equal(mappedAnew, 0x3456_789a)
  })

  it('opens again only when nobody has its file', () => {
    const { cdev, group, iommufd } = of('kept files')
    for (const [{ kept, closed }, code] of [
      [cdev, 'BUSY'],
      [group, 'BUSY'],
      [iommufd, 'GROUP_NOT_VIABLE'],
    ]) {
      assert.deepEqual([kept.code, closed], [code, { returned: 'opened' }])
    }
  })

  it('is used by a process that may open nothing', () => {
    const { character, group } = of('adopted')
    for (const [adopted, backend] of [
      [character, 'vfio-cdev'],
      [group, 'vfio-group'],
    ] as const) {
      const { status, refused, landed, again } = adopted
      assert.deepEqual([status, refused.code, adopted.backend], [0, 'PERMISSION', backend])
      assert.deepEqual([landed, again], [true, 0x11e8_1234])
    }
  })
})

describe('a function by character device and iommufd', () => {
  it('passes the compliance suite of every PhysicalFunction', async () => {
    const run = await runInVm({
      program: 'vfio-compliance',
      args: ['cdev'],
      topology: topology(['edu-root', 'edu-port', 'nvme']),
      kernel: 'iommufd',
      timeoutMs: 300_000,
    })
    assert.equal(run.exitCode, 0, run.serial)
    assert.match(run.serial, /pass [1-9]\d+/)
  })
})

describe('a virtual function of a physical function that VFIO holds', () => {
  for (const [backend, kernel] of [
    ['group', 'debian'],
    ['cdev', 'iommufd'],
  ] as const) {
    it(`is opened only with the token that was set there (${backend})`, async () => {
      const run = await runInVm({ program: 'vf-token', args: [backend], topology: topology(['igb']), kernel })
      assert.equal(run.exitCode, 0, run.serial)
      const [{ without, mistaken, malformed, opened, ofItsOwn }] = run.results as Json[]
      assert.deepEqual([malformed.code, ofItsOwn.code], ['USAGE', 'UNSUPPORTED'])
      for (const refused of [without, mistaken]) {
        assert.equal(refused.code, 'PERMISSION')
        assert.match(refused.hint, /VF token/)
      }
      assert.deepEqual(opened, { backend: `vfio-${backend}`, isVirtualFunction: true, reset: done })
    })
  }
})

describe('quiesce reset, on a kernel that offers both ways', () => {
  it('takes the way that is there, or the one that it is told', async () => {
    const machine = topology(['edu-root'])
    const address = addressIn(machine, 'edu-root')
    const shell = (name: string, line: string) => ({ do: 'run', name, line: ['sh', '-c', line] }) as const
    const reset = (name: string, backend: string) => quiesce(name, 'reset', address, '--backend', backend)
    const { said } = await runCommands(
      machine,
      [
        ...bindToVfio(address),
        reset('both', 'auto'),
        shell('hide', 'mv /dev/iommu /dev/vfio/hidden'),
        reset('no iommufd', 'cdev'),
        reset('by group', 'auto'),
        shell('hide', 'mv /dev/vfio/hidden /dev/iommu; mv /dev/vfio/vfio /dev/vfio/hidden'),
        reset('no container', 'group'),
        reset('by character device', 'auto'),
      ],
      { kernel: 'iommufd' },
    )
    const status = Object.fromEntries([...said].map(([name, outcome]) => [name, outcome.status]))
    assert.deepEqual(status, {
      both: 10,
      hide: 0,
      'no iommufd': 69,
      'by group': 10,
      'no container': 69,
      'by character device': 10,
    })
    assert.match(said.get('no iommufd')?.stderr ?? '', /no iommufd here/)
    assert.match(said.get('no container')?.stderr ?? '', /no VFIO here/)
  })
})
