// What a PhysicalFunction must do about interrupts.
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import type { InterruptKind } from '../../src/function/interrupts.js'
import { EventFd } from '../../src/linux/eventfd.js'
import type { ComplianceDevice } from './compliance-fixture.js'
import { assertNotKernel, type Check, command, eventually, setCommand, throwsCode } from './compliance-steps.js'

export function interrupts(device: ComplianceDevice, check: Check): void {
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
  check('what is not enabled, or has fewer vectors, cannot be given another destination', (fn) => {
    const present = kinds.filter((kind) => device.vectors[kind] > 0)
    for (const kind of present) throwsCode('USAGE', () => fn.interrupts.retarget(kind, 0, undefined))
    const [kind] = present
    if (kind === undefined) return
    fn.interrupts.enable(kind, [{ signal: () => {} }])
    throwsCode('USAGE', () => fn.interrupts.retarget(kind, 1, undefined))
  })
  check('all vectors of a kind can be enabled, and again after they were disabled', (fn) => {
    for (const kind of kinds.filter((each) => device.vectors[each] > 0)) {
      const all = Array.from({ length: device.vectors[kind] }, () => ({ signal: () => {} }))
      fn.interrupts.enable(kind, all)
      fn.interrupts.disable(kind)
      fn.interrupts.enable(kind, all.slice(0, 1))
      fn.interrupts.enable(kind, all)
      fn.interrupts.disable(kind)
    }
  })
  check('an eventfd unmasks INTx only where that is claimed, and INTx is enabled', (fn) => {
    using eventfd = new EventFd()
    const { interrupts: own } = fn
    throwsCode('UNSUPPORTED', () => own.unmaskBy('msi', eventfd.fd))
    throwsCode(own.canUnmaskByEventfd ? 'USAGE' : 'UNSUPPORTED', () => own.unmaskBy('intx', eventfd.fd))
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
  for (const kind of kinds.filter((each) => device.vectors[each] > 0)) {
    check(`${kind} goes where it was sent last, and nowhere while it has no destination`, async (fn) => {
      const counts = { before: 0, after: 0 }
      const raise = async (isSeen: () => boolean): Promise<boolean> => {
        interrupt.raise(fn)
        const seen = await eventually(fn, isSeen, 300)
        interrupt.acknowledge(fn)
        if (kind === 'intx') fn.interrupts.unmask(kind)
        return seen
      }
      setCommand(fn, command.memory | command.busMaster, 0)
      fn.interrupts.enable(kind, [{ signal: () => counts.before++ }])
      fn.interrupts.retarget(kind, 0, { signal: () => counts.after++ })
      assert.ok(await raise(() => counts.after > 0), 'it did not arrive')
      assert.equal(counts.before, 0)
      fn.interrupts.retarget(kind, 0, undefined)
      assert.equal(await raise(() => counts.before > 0 || counts.after > 1), false)
      fn.interrupts.retarget(kind, 0, { signal: () => counts.before++ })
      assert.ok(await raise(() => counts.before > 0), 'it did not arrive again')
    })
    check(`${kind} that was signalled before its vectors were enabled anew is not lost`, async (fn) => {
      let count = 0
      setCommand(fn, command.memory | command.busMaster, 0)
      fn.interrupts.enable(kind, [{ signal: () => count++ }])
      interrupt.raise(fn)
      // Nothing that this process waits for lies in between: the kernel has signalled, and nobody has looked.
      const end = fn.clock.now() + 50_000
      while (fn.backend !== 'sim' && fn.clock.now() < end);
      fn.interrupts.enable(kind, [{ signal: () => count++ }])
      assert.ok(await eventually(fn, () => count > 0, 300), 'it is lost')
      interrupt.acknowledge(fn)
    })
  }
  if (device.vectors.intx > 0) {
    check('INTx is unmasked by an eventfd, as long as it is told to be', async (fn) => {
      if (!fn.interrupts.canUnmaskByEventfd) return assertNotKernel(fn)
      let count = 0
      using resample = new EventFd()
      using other = new EventFd()
      const raise = async (): Promise<number> => {
        const before = count
        interrupt.raise(fn)
        await eventually(fn, () => count > before, 300)
        interrupt.acknowledge(fn)
        return count - before
      }
      const signal = async (eventfd: EventFd): Promise<void> => {
        const one = new BigUint64Array([1n])
        writeSync(eventfd.fd, new Uint8Array(one.buffer))
        await fn.clock.sleep(20)
      }
      setCommand(fn, command.memory | command.busMaster, 0)
      fn.interrupts.enable('intx', [{ signal: () => count++ }])
      fn.interrupts.unmaskBy('intx', resample.fd)
      assert.equal(await raise(), 1)
      assert.equal(await raise(), 0, 'it is masked at delivery')
      await signal(resample)
      assert.equal(await raise(), 1)
      fn.interrupts.unmaskBy('intx', other.fd)
      await signal(other)
      assert.equal(await raise(), 1)
      fn.interrupts.unmaskBy('intx', undefined)
      await signal(other)
      assert.equal(await raise(), 0, 'nothing unmasks it')
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
