// Interrupts without a device: /dev/null takes its place, which refuses every ioctl.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
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
