// What every maker of a PhysicalFunction must do, whatever stands behind it. It uses the port and nothing else.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ComplianceDevice, ComplianceFixture } from './compliance-fixture.js'
import { type Check, command, type Run, readWord, setCommand, throwsCode, writeWord } from './compliance-steps.js'
import { interrupts } from './interrupt-compliance.js'
import { memory } from './memory-compliance.js'

/** Registers the suite for one device. `makeFixture` is called once; its `open` once for every test. */
export function describeCompliance(name: string, makeFixture: () => ComplianceFixture): void {
  const fixture = makeFixture()
  const { device } = fixture
  const check = (sentence: string, run: Run): void => {
    it(sentence, async () => {
      const fn = await fixture.open()
      try {
        await run(fn)
      } finally {
        fn[Symbol.dispose]()
      }
    })
  }
  describe(`${name} as a PhysicalFunction`, () => {
    describe('config space', () => configSpace(device, check))
    describe('regions', () => regions(device, check))
    describe('interrupts', () => interrupts(device, check))
    describe('memory', () => memory(device, check))
    describe('reset', () => reset(device, check))
    describe('clock and lifetime', () => lifetime(device, check))
  })
}

function configSpace(device: ComplianceDevice, check: Check): void {
  check('identity reads the same at every width', ({ config }) => {
    assert.equal(config.size, device.configSize)
    assert.equal(config.read(0x00, 2), device.vendorId)
    assert.equal(config.read(0x02, 2), device.deviceId)
    assert.equal(config.read(0x00, 4), device.vendorId + device.deviceId * 0x10000)
    assert.equal(config.read(0x00, 1) + config.read(0x01, 1) * 0x100, device.vendorId)
    assert.equal(config.read(0x08, 4), device.classRevision)
  })
  check('an access beyond the end is refused', ({ config }) => {
    throwsCode('CONFIG_ACCESS', () => config.read(config.size, 4))
    throwsCode('CONFIG_ACCESS', () => config.write(config.size, 4, 0))
    throwsCode('CONFIG_ACCESS', () => config.read(-4, 4))
  })
  check('Bus Master is off when it is opened, and follows what is written', (fn) => {
    assert.equal(fn.config.read(command.offset, 2) & command.busMaster, 0)
    setCommand(fn, command.busMaster, 0)
    const on = fn.config.read(command.offset, 2)
    assert.equal(on & command.busMaster, command.busMaster)
    setCommand(fn, 0, command.busMaster)
    assert.equal(fn.config.read(command.offset, 2), on & ~command.busMaster)
  })
  check('INTx Disable can be written and read back', (fn) => {
    setCommand(fn, command.intxDisable, 0)
    assert.equal(fn.config.read(command.offset, 2) & command.intxDisable, command.intxDisable)
    setCommand(fn, 0, command.intxDisable)
    assert.equal(fn.config.read(command.offset, 2) & command.intxDisable, 0)
  })
  check('writing the identity has no effect', ({ config }) => {
    config.write(0x00, 4, 0)
    config.write(0x08, 4, 0)
    assert.equal(config.read(0x00, 2), device.vendorId)
    assert.equal(config.read(0x08, 4), device.classRevision)
  })
  check('every BAR can be sized and put back', ({ config }) => {
    for (const { index, size } of device.bars) {
      const at = 0x10 + 4 * index
      const before = config.read(at, 4)
      config.write(at, 4, 0xffff_ffff)
      const sizing = config.read(at, 4)
      config.write(at, 4, before)
      const addressBits = (before & 1) === 1 ? ~0x3 : ~0xf
      assert.equal((~(sizing & addressBits) + 1) >>> 0, Number(size & 0xffff_ffffn), `BAR ${index}`)
      assert.equal(config.read(at, 4), before)
    }
  })
}

function regions(device: ComplianceDevice, check: Check): void {
  check('the regions are those of the device', (fn) => {
    for (let index = 0; index <= 5; index++) {
      const declared = device.bars.find((bar) => bar.index === index)
      assert.equal(fn.regions[index]?.size ?? 0n, declared?.size ?? 0n, `region ${index}`)
      if (declared !== undefined) assert.equal(fn.regions[index]?.index, index)
    }
  })
  check('an access outside a region is refused', (fn) => {
    setCommand(fn, command.memory, 0)
    for (const { index, size } of device.bars) {
      throwsCode('REGION_ACCESS', () => fn.regions[index]?.read(size, new Uint8Array(4)))
      throwsCode('REGION_ACCESS', () => fn.regions[index]?.write(size, new Uint8Array(4)))
    }
  })
  const { scratch } = device
  if (scratch === undefined) return
  const reads = scratch.reads ?? ((written) => written)
  check('a register keeps what is written to it', (fn) => {
    setCommand(fn, command.memory, 0)
    for (const value of [0x1234_5678, 0x00ff_00ff]) {
      writeWord(fn, scratch, value)
      assert.equal(readWord(fn, scratch), reads(value))
    }
  })
  check('while memory decoding is off, an access is refused and changes nothing', (fn) => {
    if (fn.isVirtualFunction) {
      // Its Memory Space Enable is not real: the kernel lets accesses through.
      setCommand(fn, 0, command.memory)
      writeWord(fn, scratch, 0x0055_0055)
      assert.equal(readWord(fn, scratch), reads(0x0055_0055))
      return
    }
    setCommand(fn, command.memory, 0)
    writeWord(fn, scratch, 0x0042_0042)
    setCommand(fn, 0, command.memory)
    throwsCode('REGION_ACCESS', () => readWord(fn, scratch))
    throwsCode('REGION_ACCESS', () => writeWord(fn, scratch, 0))
    setCommand(fn, command.memory, 0)
    assert.equal(readWord(fn, scratch), reads(0x0042_0042))
  })
}

function reset(device: ComplianceDevice, check: Check): void {
  check('a reset ends as the reset flag says', async (fn) => {
    assert.equal(fn.canReset, device.canReset)
    const outcome = await fn.reset()
    assert.equal(outcome.ok, device.canReset)
    if (!outcome.ok) assert.equal(outcome.errno, 'EINVAL')
  })
  check('Command is after a reset as it was before, Bus Master included', async (fn) => {
    setCommand(fn, command.busMaster, 0)
    const before = fn.config.read(command.offset, 2)
    await fn.reset()
    assert.equal(fn.config.read(command.offset, 2), before)
    setCommand(fn, 0, command.busMaster)
    const quiet = fn.config.read(command.offset, 2)
    await fn.reset()
    assert.equal(fn.config.read(command.offset, 2), quiet)
  })
  if (device.canReset) {
    check('while a reset is under way, what would wait for it is refused, and what is known is told', async (fn) => {
      const resetting = fn.reset()
      const { offset } = command
      throwsCode('CONFIG_ACCESS', () => fn.config.read(offset, 2))
      assert.equal(fn.interrupts.info('msix').count, device.vectors.msix)
      const kind = (['intx', 'msi', 'msix'] as const).find((each) => device.vectors[each] > 0) ?? 'req'
      throwsCode('BUSY', () => fn.interrupts.enable(kind, [{ signal: () => {} }]))
      for (const outcome of [fn.hotResetScope(), await fn.hotReset(), await fn.reset()]) {
        assert.equal(!outcome.ok && outcome.errno, 'EBUSY')
      }
      assert.deepEqual(await resetting, { ok: true })
      assert.notEqual(fn.config.read(offset, 2), 0xffff)
    })
  }
  check('the scope of a hot reset names who is on the bus, and whose they are', (fn) => {
    const scope = fn.hotResetScope()
    assert.equal(scope.ok, device.bus !== 'root')
    if (!scope.ok) {
      assert.equal(scope.errno, 'ENODEV')
      return
    }
    const self = scope.affected.find(({ address }) => address === fn.address)
    assert.equal(self?.owned, true)
    const isForeign = scope.affected.some(({ owned }) => !owned)
    assert.equal(isForeign, device.bus === 'with-foreign-sibling')
  })
  check('a hot reset is carried out only where everything on the bus is owned', async (fn) => {
    const outcome = await fn.hotReset()
    assert.equal(outcome.ok, device.bus === 'alone')
    if (!outcome.ok) assert.equal(outcome.errno, device.bus === 'root' ? 'ENODEV' : 'EINVAL')
  })
  check('containing it twice is as good as once', (fn) => {
    assert.equal(fn.contain().ok, true)
    assert.equal(fn.contain().ok, true)
  })
  const { scratch } = device
  if (scratch === undefined || !device.canReset) return
  check('what a reset clears is cleared, and what it does not is not', async (fn) => {
    setCommand(fn, command.memory, 0)
    writeWord(fn, scratch, 0x0badc0de)
    const written = readWord(fn, scratch)
    assert.notEqual(written, scratch.afterReset)
    assert.equal((await fn.reset()).ok, true)
    setCommand(fn, command.memory, 0)
    assert.equal(readWord(fn, scratch), device.resetClears ? scratch.afterReset : written)
  })
}

function lifetime(device: ComplianceDevice, check: Check): void {
  check('sleeping takes at least as long as asked, and time never goes back', async ({ clock }) => {
    const start = clock.now()
    await clock.sleep(3)
    const middle = clock.now()
    await clock.sleep(0)
    assert.ok(middle - start >= 3_000, `${middle - start} us`)
    assert.ok(clock.now() >= middle)
  })
  check('a sleep ends with the reason of its abort', async ({ clock }) => {
    const reason = new Error('enough')
    await assert.rejects(clock.sleep(1_000, AbortSignal.abort(reason)), reason)
    const controller = new AbortController()
    const start = clock.now()
    const sleeping = clock.sleep(60_000, controller.signal)
    await clock.sleep(1)
    controller.abort(reason)
    await assert.rejects(sleeping, reason)
    assert.ok(clock.now() - start < 60_000_000)
  })
  check('once disposed it is closed, and disposing it again does nothing', (fn) => {
    fn[Symbol.dispose]()
    throwsCode('CLOSED', () => fn.config.read(0x00, 2))
    for (const { index } of device.bars) {
      throwsCode('CLOSED', () => fn.regions[index]?.read(0n, new Uint8Array(4)))
    }
    fn[Symbol.dispose]()
  })
}
