// src/vfio on the kernel's own VFIO: what it finds, does and refuses on real device models.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { runInVm, type VmRun } from './run-in-vm.js'
import { topology } from './topology.js'

// What travels as JSON is looked at as such.
// biome-ignore lint/suspicious/noExplicitAny: the guest program is the only author of these results
type Json = any

const machine = topology()
const addressOf = (name: string) => machine.devices.find((device) => device.name === name)?.address
const unsupported = { ok: false, errno: 'EINVAL', message: 'the kernel knows no way to reset this device' }

describe('the kernel’s VFIO', () => {
  let run: VmRun
  const results = new Map<string, Json>()
  const of = (scenario: string): Json => results.get(scenario) ?? assert.fail(`${scenario} gave no result`)

  before(async () => {
    run = await runInVm({ program: 'vfio-smoke', topology: machine })
    for (const { scenario, result, error } of run.results as Json[]) results.set(scenario, error ?? result)
    assert.equal(run.exitCode, 0, run.serial)
  })

  describe('on a device that nothing can reset', () => {
    const root = () => of('edu-root')

    it('opens it with Bus Master off', () => {
      assert.deepEqual([root().ids, root().configSize, root().canReset], [0x11e8_1234, 256, false])
      assert.equal(root().command & 0x4, 0)
      assert.equal(root().isVirtualFunction, false)
    })

    it('refuses a reset with EINVAL and a hot reset with ENODEV', () => {
      assert.deepEqual(root().reset, unsupported)
      assert.deepEqual([root().scope.errno, root().hotReset.errno], ['ENODEV', 'ENODEV'])
    })

    it('has its BAR, and answers with an error, not a signal, while memory decoding is off', () => {
      assert.deepEqual(root().regions[0], {
        index: 0,
        size: '0x100000',
        mappable: [{ offset: '0x0', size: '0x100000' }],
      })
      assert.equal(root().hasFile, true)
      assert.equal(root().id, 0x0100_00ed)
      assert.deepEqual([root().memoryOff.code, root().memoryOff.errno], ['REGION_ACCESS', 'EIO'])
    })

    it('knows what the IOMMU can map, the interrupt window left out', () => {
      assert.equal(root().pageSize, '0x1000')
      assert.deepEqual(root().apertures, [
        { first: '0x0', last: '0xfedfffff' },
        { first: '0xfef00000', last: '0xffffffffffff' },
      ])
    })

    it('lets a transfer in flight land, unless it is unmapped, contained, or Bus Master goes off', () => {
      const { landed, unmapped, contained, stopped } = root()
      for (const transfer of [landed, unmapped, contained, stopped]) assert.equal(transfer.inFlight, true)
      assert.deepEqual([landed.landed, unmapped.landed, contained.landed, stopped.landed], [true, false, false, false])
      assert.equal(unmapped.during, '0x1000')
      const done = { ok: true, method: 'unmap-all', alsoContained: [] }
      assert.deepEqual(contained.during, [done, done, 0])
    })

    it('maps nothing any more once it is contained', () => {
      const { code, message } = root().mappedAgain
      assert.equal(code, 'DMA_CONFLICT')
      assert.match(message, /it is contained$/)
    })

    it('probes features without doing them', () => {
      const names = root().features.map(({ name }: { name: string }) => name)
      for (const name of ['LOW_POWER_ENTRY', 'LOW_POWER_EXIT']) assert.ok(names.includes(name), name)
      assert.ok(!names.includes('MIGRATION'))
    })

    it('counts its interrupts', () => {
      const counts = root().kinds.map(({ count }: { count: number }) => count)
      assert.deepEqual(counts.slice(0, 3), [1, 1, 0])
      assert.equal(root().kinds[0].automasked, true)
    })
  })

  it('delivers MSI to callbacks and eventfds, and INTx again after it was unmasked', () => {
    const { msi, toEventfd, intx, withoutBusMaster, both, none } = of('interrupts')
    assert.deepEqual({ msi, toEventfd, intx }, { msi: [true, true], toEventfd: true, intx: [true, true] })
    assert.equal(withoutBusMaster, false)
    assert.deepEqual([both.errno, none.code], ['EINVAL', 'USAGE'])
  })

  it('resets what is behind a root port, keeps Command, and refuses access meanwhile', () => {
    const { during, reset, command, scope, hotReset, canReset } = of('edu-port')
    assert.equal(canReset, true)
    assert.deepEqual([during.config.code, during.region.code], ['CONFIG_ACCESS', 'REGION_ACCESS'])
    assert.deepEqual([during.second.errno, during.scope.errno, during.hotReset.errno], ['EBUSY', 'EBUSY', 'EBUSY'])
    assert.deepEqual([during.vectors, during.enable.code], [1, 'BUSY'])
    assert.deepEqual([reset, hotReset], [{ ok: true }, { ok: true }])
    assert.equal(command & 0x6, 0x6, 'the kernel restores it, Bus Master included')
    assert.deepEqual(scope.affected, [{ address: addressOf('edu-port'), owned: true, driver: 'vfio-pci' }])
  })

  it('can be closed in the middle of a reset without waiting for it, and opened again after it', () => {
    const { reset, lateOutcome, closeMs, again } = of('edu-slow')
    assert.deepEqual([reset, lateOutcome], [{ ok: true }, { ok: true }])
    assert.ok(closeMs < 1000, `${closeMs} ms`)
    assert.equal(again, 0x11e8_1234)
  })

  it('reuses the group of a sibling, and resets both by the bus', () => {
    const { alone, canReset, reset, hotReset, sharedWith } = of('shared bus')
    const both = [addressOf('edu-shared-a'), addressOf('edu-shared-b')]
    assert.deepEqual(
      alone.affected.map(({ address, owned }: Json) => [address, owned]),
      both.map((address) => [address, true]),
    )
    assert.deepEqual(canReset, [false, false])
    assert.deepEqual([reset, hotReset], [unsupported, { ok: true }])
    assert.deepEqual(sharedWith, [both[1]])
  })

  it('lets go of a sibling that is closed in the middle of a reset of their bus when the reset has ended', () => {
    const { scope, open, closedAccess, held, late, again } = of('shared bus')
    assert.equal(scope.errno, 'EBUSY')
    assert.deepEqual(open, [addressOf('edu-shared-a')])
    assert.match(closedAccess.code, /CLOSED|CONFIG_ACCESS/)
    assert.deepEqual(held, [addressOf('edu-shared-b')], 'until the kernel lets go of it')
    assert.deepEqual([late, again], [{ ok: true }, 0x11e8_1234])
  })

  it('closes what an owner that is disposed was about to open', () => {
    const { wasOpening, outcome, left, again } = of('disposed while opening')
    assert.equal(wasOpening, true)
    assert.deepEqual([outcome.code, left, again], ['CLOSED', 0, 0x11e8_1234])
  })

  it('keeps a container empty while a contained device is open in it, and puts others elsewhere', () => {
    const { refused, newcomer, released } = of('containers')
    assert.equal(refused.code, 'DMA_CONFLICT')
    assert.ok(refused.message.includes(`${addressOf('edu-root-2')} in the same container is contained`))
    assert.deepEqual(newcomer, { sharedWith: [], size: '0x1000' })
    assert.equal(released, '0x1000')
  })

  it('shares a container between groups, or not, as it is told', () => {
    const { shared, contained, left, apart } = of('containers')
    assert.deepEqual(shared.sharedWith, [addressOf('edu-root-2')])
    assert.deepEqual([shared.seen, shared.conflict.code], [1, 'DMA_CONFLICT'])
    assert.deepEqual(contained.alsoContained, [addressOf('edu-root')])
    assert.equal(left, 0)
    assert.deepEqual(apart, [[], []])
  })

  it('resets nvme, e1000e and virtio', () => {
    const { nvme, e1000e, 'rng-pm': rng } = of('models')
    for (const model of [nvme, e1000e, rng]) {
      assert.deepEqual(
        [model.canReset, model.configSize, model.reset, model.hotReset],
        [true, 4096, { ok: true }, { ok: true }],
      )
    }
    assert.deepEqual([nvme.msix, e1000e.msix], [65, 5])
  })

  it('resets a virtual function, and names whose a hot reset of its bus would be', () => {
    const { isVirtualFunction, canReset, reset, scope, hotReset } = of('virtual function')
    assert.deepEqual([isVirtualFunction, canReset, reset], [true, true, { ok: true }])
    const foreign = scope.affected.filter(({ owned }: Json) => !owned)
    assert.ok(foreign.some(({ address, driver }: Json) => address === addressOf('igb') && driver === 'pci-pf-stub'))
    assert.equal(hotReset.errno, 'EINVAL')
  })

  it('says why it cannot open or map, and what to do about it', () => {
    const { twice, busy, unbound, missing, permission, memlock, outside } = of('errors')
    const codes = [twice, busy, unbound, missing, permission, memlock, outside].map(({ code }: Json) => code)
    const expected = ['BUSY', 'BUSY', 'WRONG_DRIVER', 'NO_DEVICE', 'PERMISSION', 'MEMLOCK', 'DMA_CONFLICT']
    assert.deepEqual(codes, expected)
    for (const { hint } of [busy, unbound, permission, memlock] as Json[]) assert.notEqual(hint ?? '', '')
    assert.match(memlock.message, /67108864 bytes .* may pin 8388608 bytes/)
  })

  it('gives everything back: another owner can open it', () => {
    assert.deepEqual(of('again'), [0x11e8_1234, 0x11e8_1234, 0x0010_1b36])
  })
})

describe('a function of the kernel’s VFIO', () => {
  it('passes the compliance suite of every PhysicalFunction', async () => {
    const compliance = await runInVm({
      program: 'vfio-compliance',
      topology: topology(['edu-root', 'edu-port', 'nvme']),
    })
    assert.equal(compliance.exitCode, 0, compliance.serial)
    assert.match(compliance.serial, /pass [1-9]\d+/)
  })
})
