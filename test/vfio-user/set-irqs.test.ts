import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { signalEventfd } from '../../src/linux/signal-eventfd.js'
import { packed, type Raw, u32 } from '../unit/vfio-user/messages/wire.js'
import { RecordingDevice } from './recording-device.js'
import { ask, errnoOf, greet, irqFlags, type Talk } from './wire-client.js'

const { EINVAL, ENOTSUP } = errnoOf
const { none, bool, eventfd, mask, unmask, trigger } = irqFlags
const intx = 0
const msix = 2
const err = 3
const req = 4

const malformed: Readonly<Record<string, { readonly message: Raw; readonly fds?: number }>> = {
  'no payload': { message: { command: 8, payload: [] } },
  'a short payload': { message: { command: 8, payload: packed(u32(20), u32(0), u32(0)) } },
  'an argsz that is too small': { message: ask.setIrqs(msix, none | trigger, 0, 0, [], 3) },
  'an index that there is not': { message: ask.setIrqs(5, none | mask, 0, 0) },
  'a kind that the device has not': { message: ask.setIrqs(1, none | trigger, 0, 1) },
  'masking and unmasking at once': { message: ask.setIrqs(msix, mask | unmask, 0, 0) },
  'no data, and bools': { message: ask.setIrqs(msix, mask | none | bool, 0, 0) },
  'a flag that there is not': { message: ask.setIrqs(msix, 64 | none | trigger, 0, 1) },
  'a start beyond the vectors': { message: ask.setIrqs(msix, none | mask, 20, 1) },
  'a count beyond the vectors': { message: ask.setIrqs(msix, none | mask, 0, 21) },
  'a start and a count that together leave the vectors': { message: ask.setIrqs(msix, none | mask, 10, 11) },
  'a start and a count that together leave 32 bits': { message: ask.setIrqs(msix, none | mask, 1, 0xffff_ffff) },
  'masking ERR': { message: ask.setIrqs(err, none | mask, 0, 1) },
  'masking REQ': { message: ask.setIrqs(req, none | unmask, 0, 1) },
  'two ERR': { message: ask.setIrqs(err, none | trigger, 0, 2) },
  'two REQ': { message: ask.setIrqs(req, none | trigger, 0, 2) },
  'a start with a count of 0': { message: ask.setIrqs(msix, none | mask, 1, 0) },
  'masking none at all': { message: ask.setIrqs(msix, none | mask, 0, 0) },
  'bools for none at all': { message: ask.setIrqs(msix, bool | trigger, 0, 0) },
  'fds with bools': { message: ask.setIrqs(msix, bool | trigger, 0, 1, [0]), fds: 1 },
  'fds with no data': { message: ask.setIrqs(msix, none | trigger, 0, 1), fds: 1 },
  'fewer fds than vectors': { message: ask.setIrqs(msix, eventfd | trigger, 0, 2), fds: 1 },
  'more fds than vectors': { message: ask.setIrqs(msix, eventfd | trigger, 0, 1), fds: 2 },
  'fewer bools than vectors': { message: ask.setIrqs(msix, bool | trigger, 0, 2, [1]) },
  'more bools than vectors': { message: ask.setIrqs(msix, bool | trigger, 0, 2, [1, 1, 1]) },
}

async function assign(talk: Talk, index: number, start: number, eventfds: readonly EventFd[]): Promise<number> {
  const fds = eventfds.map(({ fd }) => fd)
  return talk.client.errno(ask.setIrqs(index, eventfd | trigger, start, fds.length), fds)
}

describe('DEVICE_SET_IRQS', () => {
  for (const [name, { message, fds = 0 }] of Object.entries(malformed)) {
    it(`${name} is refused, and changes nothing`, async () => {
      using spare = new EventFd()
      const device = new RecordingDevice()
      await using talk = await greet(device)
      assert.equal(
        await talk.client.errno(
          message,
          Array.from({ length: fds }, () => spare.fd),
        ),
        EINVAL,
      )
      assert.deepEqual(device.log, [])
    })
  }

  it('a count of 0 turns off what was on', async () => {
    using fd = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await assign(talk, msix, 0, [fd]), 0)
    assert.equal(device.client?.signal('msix', 0), true)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, none | trigger, 0, 0)), 0)
    assert.equal(device.client?.signal('msix', 0), false)
    assert.equal(fd.take(), 1n)
    assert.deepEqual(device.log, ['msix: fd', 'msix: '])
  })
  it('turning off what is off does nothing', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, none | trigger, 0, 0)), 0)
    assert.deepEqual(device.log, [])
  })
  it('a vector signals the eventfd that it was given', async () => {
    using one = new EventFd()
    using other = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await assign(talk, msix, 0, [one, other]), 0)
    device.client?.signal('msix', 1)
    device.client?.signal('msix', 1)
    assert.deepEqual([one.take(), other.take()], [0n, 2n])
  })
  it('a vector beyond those that were given one signals nothing', async () => {
    using fd = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, msix, 0, [fd])
    assert.equal(device.client?.signal('msix', 1), false)
    assert.equal(device.client?.signal('msix', 999), false)
  })
  it('a vector gets another eventfd, and the others keep theirs', async () => {
    using one = new EventFd()
    using two = new EventFd()
    using three = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, msix, 0, [one, two])
    await assign(talk, msix, 1, [three])
    device.client?.signal('msix', 0)
    device.client?.signal('msix', 1)
    assert.deepEqual([one.take(), two.take(), three.take()], [1n, 0n, 1n])
  })
  it('EVENTFD without an fd takes the eventfd of a vector away, and the vector stays', async () => {
    using fd = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, msix, 0, [fd])
    assert.equal(await talk.client.errno(ask.setIrqs(msix, eventfd | trigger, 0, 1)), 0)
    assert.equal(device.client?.signal('msix', 0), false)
    assert.deepEqual(device.log, ['msix: fd', 'msix: -'])
  })
  it('MSI-X as QEMU sets it up under Linux', async () => {
    using one = new EventFd()
    using two = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, eventfd | trigger, 0, 1)), 0)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, none | trigger, 0, 0)), 0)
    assert.equal(await assign(talk, msix, 0, [one]), 0)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, none | trigger, 0, 0)), 0)
    assert.equal(await assign(talk, msix, 0, [one, two]), 0)
    assert.deepEqual(device.log, ['msix: -', 'msix: ', 'msix: fd', 'msix: ', 'msix: fd fd'])
  })
  it('interrupts beyond one message come in batches', async () => {
    const eventfds = Array.from({ length: 20 }, () => new EventFd())
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await assign(talk, msix, 0, eventfds.slice(0, 16)), 0)
    assert.equal(await assign(talk, msix, 16, eventfds.slice(16)), 0)
    for (let vector = 0; vector < 20; vector++) assert.equal(device.client?.signal('msix', vector), true)
    for (const each of eventfds) {
      assert.equal(each.take(), 1n)
      each[Symbol.dispose]()
    }
  })
  it('the client can trigger vectors itself', async () => {
    using one = new EventFd()
    using two = new EventFd()
    await using talk = await greet(new RecordingDevice())
    await assign(talk, msix, 0, [one, two])
    assert.equal(await talk.client.errno(ask.setIrqs(msix, none | trigger, 0, 2)), 0)
    assert.deepEqual([one.take(), two.take()], [1n, 1n])
  })
  it('bools choose those that are triggered', async () => {
    using one = new EventFd()
    using two = new EventFd()
    await using talk = await greet(new RecordingDevice())
    await assign(talk, msix, 0, [one, two])
    assert.equal(await talk.client.errno(ask.setIrqs(msix, bool | trigger, 0, 2, [0, 1])), 0)
    assert.deepEqual([one.take(), two.take()], [0n, 1n])
  })
  it('INTx is masked when it is delivered, and comes again once it is unmasked', async () => {
    using fd = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, intx, 0, [fd])
    assert.equal(device.client?.signal('intx', 0), true)
    assert.equal(device.client?.signal('intx', 0), false)
    assert.equal(fd.take(), 1n)
    assert.equal(await talk.client.errno(ask.setIrqs(intx, none | unmask, 0, 1)), 0)
    assert.equal(fd.take(), 1n)
  })
  it('a vector that the client masked is silent until it unmasks it', async () => {
    using fd = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, msix, 0, [fd])
    assert.equal(await talk.client.errno(ask.setIrqs(msix, bool | mask, 0, 1, [1])), 0)
    assert.equal(device.client?.signal('msix', 0), false)
    assert.equal(fd.take(), 0n)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, bool | unmask, 0, 1, [1])), 0)
    assert.equal(fd.take(), 1n)
  })
  it('INTx is unmasked whenever the eventfd for that is signalled', async () => {
    using fd = new EventFd()
    using resample = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, intx, 0, [fd])
    assert.equal(await talk.client.errno(ask.setIrqs(intx, eventfd | unmask, 0, 1), [resample.fd]), 0)
    device.client?.signal('intx', 0)
    device.client?.signal('intx', 0)
    assert.equal(fd.take(), 1n)
    signalEventfd(resample.fd)
    for (let round = 0; round < 100 && fd.take() === 0n; round++) await setTimeout(5)
    assert.equal(device.client?.signal('intx', 0), false, 'it was delivered again, and so is masked')
  })
  it('MSI-X has no eventfd to be unmasked by', async () => {
    using fd = new EventFd()
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.setIrqs(msix, eventfd | unmask, 0, 1), [fd.fd]), ENOTSUP)
  })
  it('a file that is no eventfd is refused', async () => {
    using memory = new SharedMemory(4096n)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.setIrqs(msix, eventfd | trigger, 0, 1), [memory.fd]), EINVAL)
    assert.deepEqual(device.log, [])
  })
  it('what the device refuses leaves the vectors as they were', async () => {
    using one = new EventFd()
    using two = new EventFd()
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await assign(talk, msix, 0, [one])
    device.setInterrupts = () => {
      throw new Error('the device says no')
    }
    assert.equal(await assign(talk, msix, 0, [two]), errnoOf.EIO)
    device.client?.signal('msix', 0)
    assert.deepEqual([one.take(), two.take()], [1n, 0n])
  })
})
