import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { closeDevice } from '../../../src/vfio/close-device.js'
import { DeviceGate } from '../../../src/vfio/device-gate.js'
import { ResetsUnderWay } from '../../../src/vfio/resets-under-way.js'

const address = '0000:00:04.0'
const tick = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('closing a device in the middle of a reset', () => {
  it('refuses access at once, and has ended when the last of its resets has', async () => {
    const resets = new ResetsUnderWay()
    const gate = new DeviceGate(address, FileDescriptor.open('/dev/null'), resets)
    const own = resets.begin([address])
    const ofItsBus = resets.begin([address, '0000:00:04.1'])
    let hasEnded = false
    const closing = closeDevice(gate).then(() => {
      hasEnded = true
    })
    assert.equal(gate.file.isOpen, false)
    for (const reset of [own, ofItsBus]) {
      await tick()
      assert.equal(hasEnded, false)
      reset[Symbol.dispose]()
    }
    await closing
    assert.throws(() => gate.enter('read', 'CONFIG_ACCESS'), { code: 'CLOSED' })
  })
})

describe('the end of a reset', () => {
  it('is waited for anew where another begins meanwhile', async () => {
    const resets = new ResetsUnderWay()
    await resets.ended(address)
    const first = resets.begin([address])
    let ends = 0
    const waiting = [1, 2].map(() => resets.ended(address).then(() => ++ends))
    first[Symbol.dispose]()
    const second = resets.begin([address])
    await tick()
    assert.equal(ends, 0)
    second[Symbol.dispose]()
    await Promise.all(waiting)
    assert.equal(ends, 2)
  })
})
