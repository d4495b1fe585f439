// Devices whose file clients get: closed and opened between one client and the next, because the kernel opens them only where
// nobody has kept it. What the kernel itself does then is tested in the VM.
import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import type { PeerCredentials } from '../../src/linux/unix-socket.js'
import { DeviceGroup } from '../../src/vfio-user/server/device-group.js'
import { type OpenedDevices, ReopenedDevices } from '../../src/vfio-user/server/reopened-devices.js'
import { comeIn, leave } from './next-client.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { until } from './until.js'
import { ask, greet, type Talk } from './wire-client.js'

/** A device with a file behind its BAR, of which the kernel gives out one at a time. */
class Hardware {
  /** What is opened from now on cannot be quieted. */
  isNoisy = false
  /** Somebody has the file of a device that was closed. */
  isKept = false
  failure: QuiesceError | undefined
  /** Set: closing it does not end before this does. */
  closing: Promise<void> | undefined
  readonly log: string[] = []
  readonly opened: RecordingDevice[] = []
  readonly names: readonly string[]

  constructor(...names: readonly string[]) {
    this.names = names
  }

  async open(): Promise<OpenedDevices> {
    if (this.failure !== undefined) throw this.failure
    if (this.isKept) throw new QuiesceError('BUSY', 'Cannot open it: EBUSY', { device: this.names[0] ?? '' })
    this.log.push('open')
    const memory = new SharedMemory(4096n)
    const file = { fd: memory.fd, offset: 0n }
    const devices = this.names.map((name) => {
      const bar = memoryRegion(4096, { file, mappable: [{ offset: 0n, size: 4096n }] })
      const device = Object.assign(new RecordingDevice({ 0: bar }), { name })
      if (this.isNoisy) device.quiesce = () => Promise.reject(new Error('it is not quiet'))
      return device
    })
    this.opened.push(...devices)
    const close = async (): Promise<void> => {
      this.log.push('close')
      memory[Symbol.dispose]()
      await this.closing
    }
    return { devices, close }
  }
}

const patienceMs = 300

async function openedOf(hardware: Hardware, group?: DeviceGroup) {
  const onReopened = (ms: number): void => void hardware.log.push(ms > 0 ? 'told' : 'no time')
  const open = () => hardware.open()
  return ReopenedDevices.open(open, { patienceMs, onReopened, ...(group === undefined ? {} : { group }) })
}

interface Single extends AsyncDisposable {
  readonly hardware: Hardware
  readonly talk: Talk
}

async function serveOne(): Promise<Single> {
  const hardware = new Hardware('one')
  const reopened = await openedOf(hardware)
  const [device] = reopened.devices
  assert.ok(device)
  const talk = await greet(device)
  return {
    hardware,
    talk,
    async [Symbol.asyncDispose]() {
      await talk[Symbol.asyncDispose]()
      await reopened[Symbol.asyncDispose]()
    },
  }
}

/** As a VMM that maps a BAR: it gets the file. */
async function takeFile({ client }: Pick<Talk, 'client'>): Promise<void> {
  const { fds, errno } = await client.ask(ask.regionInfo(0))
  assert.deepEqual([fds.length, errno], [1, 0])
  for (const fd of fds) closeSync(fd)
}

const lastReason = ({ events }: Talk): string => {
  const event = events.findLast(({ kind }) => kind === 'turned-away')
  return event?.kind === 'turned-away' ? event.reason : ''
}

describe('a device whose file a client got', () => {
  it('is closed and opened when the client is gone, after it was quieted and its memory taken', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    using memory = new SharedMemory(4096n)
    await takeFile(talk)
    await talk.client.errno(ask.map(0x1000n, 4096n), [memory.fd])
    assert.equal(await leave(talk, talk.client), undefined)
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
    assert.deepEqual(hardware.opened[0]?.log, ['quiesce, 1 mapped', 'unmap 0x1000'])
    assert.deepEqual(hardware.opened[1]?.log, ['quiesce, 0 mapped'], 'until it was closed anybody might have used it')
    const next = await comeIn(talk)
    assert.ok(next)
    await next.errno(ask.write(0, 8n, [1, 2, 3, 4]))
    assert.deepEqual(await readBack(hardware.opened[1]), [1, 2, 3, 4], 'the one that is open now is served')
    await takeFile({ client: next })
    assert.equal(await leave(talk, next), undefined)
    assert.equal(hardware.opened.length, 3)
  })

  it('stays open where the client never asked for the file', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await talk.client.errno(ask.read(0, 0n, 4))
    await talk.client.ask(ask.regionInfo(7))
    assert.equal(await leave(talk, talk.client), undefined)
    assert.deepEqual(hardware.log, ['open'])
    const next = await comeIn(talk)
    assert.ok(next)
    await leave(talk, next)
    assert.deepEqual(hardware.log, ['open'])
  })

  it('may be let go of a little after the connection', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await takeFile(talk)
    hardware.isKept = true
    setTimeout(() => {
      hardware.isKept = false
    }, patienceMs / 3)
    assert.equal(await leave(talk, talk.client), undefined)
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
  })

  it('is given to nobody as long as somebody keeps it, and that is tried when somebody comes', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await takeFile(talk)
    hardware.isKept = true
    assert.match((await leave(talk, talk.client)) ?? '', /Cannot take one back: its file is still open elsewhere/)
    assert.equal(await comeIn(talk), undefined)
    assert.match(lastReason(talk), /its file is still open elsewhere/)
    hardware.isKept = false
    const next = await comeIn(talk)
    assert.ok(next)
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
    assert.deepEqual(hardware.opened[0]?.log, ['quiesce, 0 mapped'], 'what is closed is not quieted again')
    next[Symbol.dispose]()
  })

  it('is given to nobody where it cannot be opened for another reason', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await takeFile(talk)
    hardware.failure = new QuiesceError('WRONG_DRIVER', 'Cannot open one: the driver nvme holds it')
    assert.match((await leave(talk, talk.client)) ?? '', /the driver nvme holds it/)
    assert.equal(await comeIn(talk), undefined)
    hardware.failure = undefined
    assert.ok(await comeIn(talk))
  })

  for (const [what, code, errnoName] of [
    ['another iommufd has its group', 'NO_IOMMU', 'EPERM'],
    ['its group is not viable', 'GROUP_NOT_VIABLE', undefined],
  ] as const) {
    it(`is still held where the kernel says that ${what}`, async () => {
      await using served = await serveOne()
      const { hardware, talk } = served
      await takeFile(talk)
      hardware.failure = new QuiesceError(code, 'Cannot open one', errnoName === undefined ? {} : { errnoName })
      setTimeout(() => {
        hardware.failure = undefined
      }, patienceMs / 3)
      assert.equal(await leave(talk, talk.client), undefined)
      assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
    })
  }

  it('is given to nobody while closing it does not end, and nobody waits for that for ever', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await takeFile(talk)
    let end = (): void => {}
    hardware.closing = new Promise((resolve) => {
      end = resolve
    })
    assert.match((await leave(talk, talk.client)) ?? '', /closing it waits for a reset that has not ended/)
    assert.equal(await comeIn(talk), undefined)
    assert.match(lastReason(talk), /closing it waits for a reset/)
    assert.deepEqual(hardware.log, ['open', 'close'])
    end()
    assert.ok(await comeIn(talk))
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
  })

  it('is given to nobody before it is quiet once more after it was opened', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await takeFile(talk)
    hardware.isNoisy = true
    assert.match((await leave(talk, talk.client)) ?? '', /it is not quiet/)
    assert.equal(await comeIn(talk), undefined)
    assert.match(lastReason(talk), /it is not quiet/)
    for (const device of hardware.opened) device.quiesce = async () => {}
    assert.ok(await comeIn(talk))
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
  })

  it('is not opened by whoever comes after it was closed for good', async () => {
    const hardware = new Hardware('one')
    const reopened = await openedOf(hardware)
    const [device] = reopened.devices
    assert.ok(device)
    await reopened[Symbol.asyncDispose]()
    assert.equal(device.mustBeReclaimed, true)
    await assert.rejects(async () => device.reclaim?.(), { code: 'CLOSED' })
    assert.deepEqual(hardware.log, ['open', 'close'])
  })

  it('is not opened anew when its server ends, and is closed once', async () => {
    const served = await serveOne()
    await takeFile(served.talk)
    await served[Symbol.asyncDispose]()
    assert.deepEqual(served.hardware.log, ['open', 'close'])
  })

  it('that was not left quiet is not opened anew before it is', async () => {
    await using served = await serveOne()
    const { hardware, talk } = served
    await takeFile(talk)
    const [device] = hardware.opened
    assert.ok(device)
    const quiesce = device.quiesce.bind(device)
    device.quiesce = () => Promise.reject(new Error('it is not quiet'))
    assert.match((await leave(talk, talk.client)) ?? '', /it is not quiet/)
    assert.deepEqual(hardware.log, ['open'])
    device.quiesce = quiesce
    assert.ok(await comeIn(talk))
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
  })
})

async function readBack(device: RecordingDevice | undefined): Promise<number[]> {
  const bytes = new Uint8Array(4)
  await device?.regions[0]?.read(8n, bytes)
  return [...bytes]
}

describe('devices of one group whose files a VMM got', () => {
  async function serveTwo() {
    const hardware = new Hardware('one', 'two')
    const group = new DeviceGroup()
    const reopened = await openedOf(hardware, group)
    const [one, two] = await Promise.all(
      reopened.devices.map((device) => greet(device, { gate: group.gate(device.name) })),
    )
    assert.ok(one !== undefined && two !== undefined)
    return {
      hardware,
      group,
      one,
      two,
      async [Symbol.asyncDispose]() {
        await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()])
        await reopened[Symbol.asyncDispose]()
      },
    }
  }

  it('are opened anew when it has left the last of them', async () => {
    await using served = await serveTwo()
    const { hardware, one, two } = served
    await takeFile(one)
    assert.equal(await leave(one, one.client), undefined)
    assert.deepEqual(hardware.log, ['open'], 'the other is in use')
    const again = await comeIn(one)
    assert.ok(again, 'the same VMM may come back meanwhile')
    assert.equal(await leave(one, again), undefined)
    assert.equal(await leave(two, two.client), undefined)
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
  })

  it('are opened anew before the next VMM has one, also where both were left at once', async () => {
    await using served = await serveTwo()
    const { hardware, one, two } = served
    await takeFile(two)
    await Promise.all([leave(one, one.client), leave(two, two.client)])
    const next = await comeIn(one)
    assert.ok(next)
    assert.deepEqual(hardware.log, ['open', 'close', 'open', 'told'])
    next[Symbol.dispose]()
  })

  it('are given to nobody, at whichever socket, as long as somebody keeps a file', async () => {
    await using served = await serveTwo()
    const { hardware, group, one, two } = served
    await takeFile(two)
    hardware.isKept = true
    await leave(one, one.client)
    assert.match((await leave(two, two.client)) ?? '', /still open elsewhere/)
    const coming = comeIn(one)
    assert.ok(group.gate('a look').busy !== undefined, 'whoever comes to the other waits for what becomes of this')
    assert.equal(await coming, undefined)
    assert.match(lastReason(one), /still open elsewhere/)
    assert.equal(await comeIn(two), undefined)
    hardware.isKept = false
    assert.ok(await comeIn(one))
    const stranger: PeerCredentials = { pid: 1, uid: 0, gid: 0 }
    assert.match(group.gate('two').enter(stranger) ?? '', /only one VMM may have both/)
    await until(() => group.gate('a look').busy === undefined, 'the group stays shut')
  })
})
