// What every maker of a PhysicalFunction must do, whatever stands behind it. It uses the port and nothing else.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, QuiesceError } from '../../src/errors/quiesce-error.js'
import type { InterruptKind } from '../../src/function/interrupts.js'
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import type { ComplianceDevice, ComplianceFixture, ScratchRegister } from './compliance-fixture.js'

const command = { offset: 0x04, io: 0x1, memory: 0x2, busMaster: 0x4, intxDisable: 0x400 } as const
const iova = 0x10_0000n
const canary = 0xa5

type Run = (fn: PhysicalFunction) => void | Promise<void>

function throwsCode(code: ErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof QuiesceError && error.code === code)
}

function setCommand(fn: PhysicalFunction, set: number, clear: number): void {
  fn.config.write(command.offset, 2, (fn.config.read(command.offset, 2) & ~clear) | set)
}

function readWord(fn: PhysicalFunction, { region, offset }: ScratchRegister): number {
  const bytes = new Uint8Array(4)
  fn.regions[region]?.read(offset, bytes)
  return new DataView(bytes.buffer).getUint32(0, true)
}

function writeWord(fn: PhysicalFunction, { region, offset }: ScratchRegister, value: number): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  fn.regions[region]?.write(offset, bytes)
}

async function eventually(fn: PhysicalFunction, isSo: () => boolean, withinMs: number): Promise<boolean> {
  const end = fn.clock.now() + withinMs * 1000
  while (!isSo() && fn.clock.now() < end) await fn.clock.sleep(5)
  return isSo()
}

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

type Check = (sentence: string, run: Run) => void

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

function interrupts(device: ComplianceDevice, check: Check): void {
  const kinds = ['intx', 'msi', 'msix'] as const
  check('the number of vectors of each kind is that of the device', (fn) => {
    for (const kind of kinds) assert.equal(fn.interrupts.info(kind).count, device.vectors[kind], kind)
  })
  check('disabling what is not enabled does nothing', (fn) => {
    for (const kind of kinds) fn.interrupts.disable(kind)
  })
  check('more vectors than there are cannot be enabled', (fn) => {
    const tooMany = Array.from({ length: device.vectors.msi + 1 }, () => ({ signal: () => {} }))
    assert.throws(() => fn.interrupts.enable('msi', tooMany), QuiesceError)
  })
  const { interrupt } = device
  if (interrupt === undefined) return
  for (const kind of kinds.filter((each) => device.vectors[each] > 0)) {
    check(`${kind} arrives while it is enabled, and not after`, async (fn) => {
      let count = 0
      setCommand(fn, command.memory | command.busMaster, 0)
      fn.interrupts.enable(kind, [{ signal: () => count++ }])
      interrupt.raise(fn)
      assert.ok(await eventually(fn, () => count > 0, 1_000), 'it did not arrive')
      interrupt.acknowledge(fn)
      if (kind === 'intx') fn.interrupts.unmask('intx')
      fn.interrupts.disable(kind)
      const seen = count
      interrupt.raise(fn)
      await fn.clock.sleep(100)
      interrupt.acknowledge(fn)
      assert.equal(count, seen)
    })
  }
  const message: InterruptKind | undefined =
    device.vectors.msix > 0 ? 'msix' : device.vectors.msi > 0 ? 'msi' : undefined
  if (message === undefined) return
  check(`${message} does not arrive while Bus Master is off`, async (fn) => {
    let count = 0
    setCommand(fn, command.memory, command.busMaster)
    fn.interrupts.enable(message, [{ signal: () => count++ }])
    interrupt.raise(fn)
    await fn.clock.sleep(100)
    interrupt.acknowledge(fn)
    assert.equal(count, 0)
  })
}

function memory(device: ComplianceDevice, check: Check): void {
  check('memory is zeroed, and as large as asked for', ({ dma }) => {
    using memory = dma.allocate(2n * dma.pageSize)
    assert.equal(BigInt(memory.bytes.byteLength), 2n * dma.pageSize)
    assert.ok(memory.bytes.every((byte) => byte === 0))
  })
  check('a mapping is listed until it is disposed, once or twice', ({ dma }) => {
    using memory = dma.allocate(dma.pageSize)
    const mapping = dma.map(iova, memory, 'read-write')
    assert.deepEqual(
      dma.mappings.map(({ iova: at, size, access }) => ({ at, size, access })),
      [{ at: iova, size: dma.pageSize, access: 'read-write' }],
    )
    mapping[Symbol.dispose]()
    mapping[Symbol.dispose]()
    assert.equal(dma.mappings.length, 0)
  })
  check('what overlaps, or is not aligned, is not mapped', ({ dma }) => {
    using memory = dma.allocate(2n * dma.pageSize)
    using other = dma.allocate(dma.pageSize)
    using _mapping = dma.map(iova, memory, 'read-write')
    throwsCode('DMA_CONFLICT', () => dma.map(iova + dma.pageSize, other, 'read-write'))
    throwsCode('DMA_CONFLICT', () => dma.map(iova + 4n * dma.pageSize + 1n, other, 'read-write'))
    assert.equal(dma.mappings.length, 1)
  })
  check('unmapping a range says how many bytes went, and leaves the rest', ({ dma }) => {
    using memory = dma.allocate(dma.pageSize)
    using other = dma.allocate(dma.pageSize)
    using _first = dma.map(iova, memory, 'read-write')
    using _second = dma.map(iova + 8n * dma.pageSize, other, 'read')
    assert.equal(dma.unmap(iova, 4n * dma.pageSize), dma.pageSize)
    assert.deepEqual(
      dma.mappings.map((mapping) => mapping.iova),
      [iova + 8n * dma.pageSize],
    )
    assert.equal(dma.unmap(iova, dma.pageSize), 0n)
  })
  const { transfer } = device
  if (transfer === undefined) return
  const afterTransfer = async (fn: PhysicalFunction, meanwhile: () => void): Promise<boolean> => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    using _mapping = fn.dma.map(iova, memory, 'read-write')
    setCommand(fn, command.memory | command.busMaster, 0)
    transfer.start(fn, iova)
    meanwhile()
    await fn.clock.sleep(transfer.landsWithinMs)
    const hasLanded = memory.bytes.some((byte) => byte !== canary)
    // Nothing of it may run into the next test.
    setCommand(fn, 0, command.busMaster)
    return hasLanded
  }
  check('a transfer of the device lands in mapped memory', async (fn) => {
    assert.equal(await afterTransfer(fn, () => {}), true)
  })
  check('a transfer in flight does not land once Bus Master is off', async (fn) => {
    const off = (): void => setCommand(fn, 0, command.busMaster)
    assert.equal(await afterTransfer(fn, off), false)
  })
  check('a transfer in flight does not land once its memory is unmapped', async (fn) => {
    const unmap = (): void => assert.equal(fn.dma.unmap(iova, fn.dma.pageSize), fn.dma.pageSize)
    assert.equal(await afterTransfer(fn, unmap), false)
  })
  check('a transfer in flight does not land once the device is contained', async (fn) => {
    const contain = (): void => assert.equal(fn.contain().ok, true)
    assert.equal(await afterTransfer(fn, contain), false)
  })
  check('memory offered after the device was contained is out of its reach', async (fn) => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    const outcome = fn.contain()
    assert.equal(outcome.ok, true)
    const map = () => fn.dma.map(iova, memory, 'read-write')
    // An empty container contains only for as long as it is empty; a detached device sees no mapping at all.
    if (outcome.ok && outcome.method === 'unmap-all') throwsCode('DMA_CONFLICT', map)
    else map()
    setCommand(fn, command.memory | command.busMaster, 0)
    transfer.start(fn, iova)
    await fn.clock.sleep(transfer.landsWithinMs)
    assert.ok(memory.bytes.every((byte) => byte === canary))
    setCommand(fn, 0, command.busMaster)
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
