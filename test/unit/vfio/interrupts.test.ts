// Interrupts without a device: /dev/null takes its place, which refuses every ioctl.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { EventFd } from '../../../src/linux/eventfd.js'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { DeviceGate } from '../../../src/vfio/device-gate.js'
import { type InterruptInfos, readInterruptInfos } from '../../../src/vfio/interrupt-info.js'
import { VfioInterrupts } from '../../../src/vfio/interrupts.js'
import { ResetsUnderWay } from '../../../src/vfio/resets-under-way.js'

const address = '0000:00:04.0'
const none = { count: 0, maskable: false, automasked: false, fixedSize: false }
const infos: InterruptInfos = { intx: none, msi: none, msix: { ...none, count: 4 }, err: none, req: none }

describe('interrupts', () => {
  it('of a kind that the kernel knows nothing of are none', () => {
    using file = FileDescriptor.open('/dev/null')
    assert.deepEqual(readInterruptInfos(file.fd), { intx: none, msi: none, msix: none, err: none, req: none })
  })

  it('can be counted while the device is being reset, and not be changed', () => {
    using file = FileDescriptor.open('/dev/null')
    const resets = new ResetsUnderWay()
    const interrupts = new VfioInterrupts(new DeviceGate(address, file, resets), infos)
    using _ = resets.begin([address])
    assert.equal(interrupts.info('msix').count, 4)
    assert.throws(() => interrupts.enable('msix', [undefined]), { code: 'BUSY', device: address })
    assert.throws(() => interrupts.unmask('intx'), { code: 'BUSY' })
    interrupts.disable('msix')
  })

  it('are refused where there are fewer', () => {
    using file = FileDescriptor.open('/dev/null')
    const interrupts = new VfioInterrupts(new DeviceGate(address, file, new ResetsUnderWay()), infos)
    assert.throws(() => interrupts.enable('msix', new Array(5).fill(undefined)), { code: 'USAGE' })
    assert.throws(() => interrupts.enable('msi', [undefined]), { code: 'USAGE' })
  })

  it('for which there are not enough descriptors leave none open', async () => {
    const url = (name: string) => JSON.stringify(new URL(`../../../src/${name}.js`, import.meta.url).href)
    const script = `
      import { closeSync, openSync } from 'node:fs'
      import { EventFd } from ${url('linux/eventfd')}
      import { VfioInterrupts } from ${url('vfio/interrupts')}
      const infos = { msix: { count: 4 } }
      const interrupts = new VfioInterrupts({ address: 'it', enter: () => 0 }, infos)
      // Whatever the first of them opens besides is open before the count.
      const first = new EventFd()
      first.onSignal(() => {})
      first[Symbol.dispose]()
      const fill = () => {
        const opened = []
        try {
          for (;;) opened.push(openSync('/dev/null'))
        } catch (error) {
          if (error.code !== 'EMFILE') throw error
          return opened
        }
      }
      for (const fd of fill().slice(0, 2)) closeSync(fd)
      let refusal
      try {
        interrupts.enable('msix', [1, 2, 3, 4].map(() => ({ signal: () => {} })))
      } catch (error) {
        refusal = error.errnoName
      }
      const left = fill()
      for (const fd of left) closeSync(fd)
      console.log(refusal, left.length)
      process.exit()`
    const shell = 'ulimit -n 128; exec "$0" --input-type=module -e "$1"'
    const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, script], {
      timeout: 20_000,
      killSignal: 'SIGKILL',
    })
    assert.equal(stdout, 'EMFILE 2\n')
  })
})

/** A kernel that keeps the eventfds that it is given: by kind, action and vector. */
class FakeKernel {
  readonly eventfds = new Map<string, number>()
  readonly calls: string[] = []
  /** The calls that it refuses. */
  refuses = new Set<string>()

  readonly call = (_fd: number, _command: unknown, argument?: Uint8Array | number) => {
    assert.ok(argument instanceof Uint8Array)
    const words = new Int32Array(argument.buffer)
    const [, flags = 0, index = 0, start = 0, count = 0] = words
    const action = (flags & 32) !== 0 ? 'trigger' : 'unmask'
    const what = count === 0 ? `off ${index}` : `${action} ${index} ${start}+${count}`
    this.calls.push(what)
    if (this.refuses.has(what)) return { ok: false, errno: 22 } as const
    if (count === 0) for (const key of this.eventfds.keys()) if (key.includes(` ${index} `)) this.eventfds.delete(key)
    for (let vector = 0; (flags & 4) !== 0 && vector < count; vector++) {
      this.eventfds.set(`${action} ${index} ${start + vector}`, words[5 + vector] ?? -1)
    }
    return { ok: true, value: 0 } as const
  }

  /** As an interrupt of the device does. */
  signal(key: string): void {
    writeSync(this.eventfds.get(key) ?? -1, new Uint8Array(new BigUint64Array([1n]).buffer))
  }
}

describe('vectors of interrupts', () => {
  const counts: InterruptInfos = { ...infos, intx: { ...none, count: 1, automasked: true } }
  function make() {
    const kernel = new FakeKernel()
    const file = FileDescriptor.open('/dev/null')
    const interrupts = new VfioInterrupts(new DeviceGate(address, file, new ResetsUnderWay()), counts, kernel.call)
    const heard: string[] = []
    const to = (name: string) => ({ signal: () => void heard.push(name) })
    const close = () => {
      interrupts.close(true)
      file[Symbol.dispose]()
    }
    return { kernel, interrupts, heard, to, [Symbol.dispose]: close }
  }

  it('are given another destination one by one', () => {
    using made = make()
    const { kernel, interrupts, to } = made
    using eventfd = new EventFd()
    interrupts.enable('msix', [to('a'), to('b'), undefined])
    const before = new Map(kernel.eventfds)
    interrupts.retarget('msix', 1, { eventfd: eventfd.fd })
    interrupts.retarget('msix', 0, undefined)
    assert.deepEqual(kernel.calls, ['trigger 2 0+3', 'trigger 2 1+1', 'trigger 2 0+1'])
    assert.deepEqual([...kernel.eventfds.values()], [-1, eventfd.fd, -1])
    assert.notEqual(before.get('trigger 2 0'), -1)
    for (const vector of [3, -1]) assert.throws(() => interrupts.retarget('msix', vector, to('c')), { code: 'USAGE' })
    assert.throws(() => interrupts.retarget('intx', 0, to('c')), { code: 'USAGE' })
  })

  it('do not lose a signal that came before they were given another destination', () => {
    using made = make()
    const { kernel, interrupts, heard, to } = made
    interrupts.enable('msix', [to('a'), to('b')])
    kernel.signal('trigger 2 0')
    interrupts.retarget('msix', 0, to('c'))
    assert.deepEqual(heard, ['a'])
    kernel.signal('trigger 2 1')
    interrupts.enable('msix', [to('d'), to('e')])
    assert.deepEqual(heard, ['a', 'b'])
    kernel.signal('trigger 2 0')
    interrupts.enable('msix', [to('f')])
    assert.deepEqual(heard, ['a', 'b', 'd'])
    assert.deepEqual(kernel.calls.slice(-2), ['off 2', 'trigger 2 0+1'])
  })

  it('keep the destination that they had where the kernel refuses another', () => {
    using made = make()
    const { kernel, interrupts, heard, to } = made
    interrupts.enable('msix', [to('a')])
    kernel.refuses.add('trigger 2 0+1')
    assert.throws(() => interrupts.retarget('msix', 0, to('b')), { errnoName: 'EINVAL' })
    kernel.refuses.clear()
    kernel.signal('trigger 2 0')
    interrupts.retarget('msix', 0, undefined)
    assert.deepEqual(heard, ['a'])
  })

  it('are unmasked by one eventfd at a time, and by none once they are disabled', () => {
    using made = make()
    const { kernel, interrupts, to } = made
    assert.equal(interrupts.canUnmaskByEventfd, true)
    assert.throws(() => interrupts.unmaskBy('msix', 5), { code: 'UNSUPPORTED' })
    assert.throws(() => interrupts.unmaskBy('intx', 5), { code: 'USAGE' })
    interrupts.enable('intx', [to('a')])
    interrupts.unmaskBy('intx', undefined)
    assert.equal(kernel.calls.length, 1)
    interrupts.unmaskBy('intx', 5)
    assert.equal(kernel.eventfds.get('unmask 0 0'), 5)
    interrupts.unmaskBy('intx', 6)
    // The kernel takes no second one before the first is gone.
    assert.deepEqual(kernel.calls.slice(1), ['unmask 0 0+1', 'unmask 0 0+1', 'unmask 0 0+1'])
    assert.equal(kernel.eventfds.get('unmask 0 0'), 6)
    interrupts.unmaskBy('intx', undefined)
    assert.equal(kernel.eventfds.get('unmask 0 0'), -1)
    interrupts.unmaskBy('intx', 7)
    interrupts.disable('intx')
    interrupts.enable('intx', [to('b')])
    const calls = kernel.calls.length
    interrupts.unmaskBy('intx', 8)
    assert.equal(kernel.calls.length, calls + 1)
  })
})
