import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import { type MigrationState, migrationStates } from '../../src/vfio-user/server/migration-states.js'
import { packed, type Raw, raw, u32, u64 } from '../unit/vfio-user/messages/wire.js'
import { RecordingDevice } from './recording-device.js'
import { ask, errnoOf, greet, type Talk } from './wire-client.js'

const { EINVAL, ENOENT, ENOTSUP, EIO } = errnoOf
const get = 0x1_0000
const set = 0x2_0000
const probe = 0x4_0000
const feature = { migration: 1, state: 2, start: 6, stop: 7, report: 8 } as const
const page = 4096n

class MigratingDevice extends RecordingDevice {
  saved = Uint8Array.from([1, 2, 3, 4, 5, 6, 7])
  loaded: Uint8Array | undefined
  refuses = false

  override migration = {
    stop: () => {
      this.log.push('stop')
      if (this.refuses) throw new QuiesceError('SYSTEM', 'not now', { errno: 16 })
    },
    run: () => void this.log.push('run'),
    save: () => this.saved,
    load: (state: Uint8Array) => {
      if (this.refuses) throw new Error('no state of mine')
      this.loaded = state
    },
  }
}

const agree = (device = new MigratingDevice()) => greet(device, { capabilities: { migration: { pgsize: 4096 } } })

const enter = (talk: Talk, state: MigrationState | number): Promise<number> => {
  const number = typeof state === 'number' ? state : migrationStates[state]
  return talk.client.errno(ask.feature(set | feature.state, packed(u32(number), u32(0))))
}

async function stateOf(talk: Talk): Promise<number> {
  const view = await talk.client.payload(ask.feature(get | feature.state, [], 16))
  assert.equal(view.byteLength, 16)
  return view.getUint32(8, true)
}

const log = (pageSize: bigint | number, ranges: readonly number[] = [], count = 0): Raw =>
  ask.feature(set | feature.start, [...packed(u64(pageSize), u32(count), u32(0)), ...ranges])
const report = (address: bigint, length: bigint, pageSize: bigint | number, argsz = 8 + 24 + 8): Raw =>
  ask.feature(get | feature.report, packed(u64(address), u64(length), u64(pageSize)), argsz)

describe('migration', () => {
  it('a device that cannot migrate has none of the features', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.feature(probe | feature.migration)), EINVAL)
    assert.equal(await talk.client.errno(ask.feature(get | feature.migration, [], 16)), EINVAL)
    assert.equal(await talk.client.errno(log(page)), EINVAL)
    assert.equal(await talk.client.errno(ask.migrationRead(8)), EINVAL)
    assert.equal(await talk.client.errno(ask.migrationWrite([1])), EINVAL)
  })
  it('it says that it can stop, and copy before that', async () => {
    await using talk = await agree()
    const view = await talk.client.payload(ask.feature(get | feature.migration, [], 16))
    assert.equal(view.getBigUint64(8, true), 5n)
  })
  it('a short payload is refused', async () => {
    await using talk = await agree()
    assert.equal(await talk.client.errno({ command: 16, payload: packed(u32(8)) }), EINVAL)
  })
  for (const [name, message] of Object.entries<Raw>({
    'a feature that there is not': ask.feature(probe | 0x123),
    'setting what can only be read': ask.feature(set | feature.migration, packed(u64(0))),
    'reading what can only be set': ask.feature(get | feature.start, [], 64),
    'neither reading nor setting': ask.feature(feature.migration),
    'reading and setting': ask.feature(get | set | feature.state, packed(u64(0)), 16),
    'a probe without room for its echo': ask.feature(probe | feature.migration, packed(u64(0)), 8),
    'reading without room': ask.feature(get | feature.migration, [], 15),
    'reading dirty pages without room': report(0n, page, page, 39),
    'setting without room for the echo': ask.feature(set | feature.state, packed(u64(1)), 15),
    'a flag that there is not': ask.feature(0x8_0000 | probe | feature.migration),
  })) {
    it(`${name} is refused`, async () => {
      await using talk = await agree()
      assert.equal(await talk.client.errno(message), EINVAL)
    })
  }
  for (const [name, flags] of Object.entries({
    migration: feature.migration | get,
    state: feature.state | get | set,
    'logging on': feature.start | set,
    'logging off': feature.stop | set,
    'the dirty pages': feature.report | get,
  })) {
    it(`a probe finds ${name}`, async () => {
      await using talk = await agree()
      const view = await talk.client.payload(ask.feature(probe | flags))
      assert.equal(view.getUint32(4, true), probe | flags)
    })
  }
  it('a device runs at first', async () => {
    await using talk = await agree()
    assert.equal(await stateOf(talk), migrationStates.running)
  })

  const ways: readonly (readonly [readonly MigrationState[], readonly string[]])[] = [
    [
      ['stop', 'running'],
      ['stop', 'run'],
    ],
    [
      ['preCopy', 'stopCopy', 'running'],
      ['stop', 'run'],
    ],
    [['stopCopy', 'stop'], ['stop']],
    [
      ['resuming', 'running'],
      ['stop', 'run'],
    ],
    [['preCopy', 'running'], []],
    [['preCopy', 'stop'], ['stop']],
    [
      ['stop', 'preCopy'],
      ['stop', 'run'],
    ],
    [['resuming', 'stopCopy'], ['stop']],
    [['stopCopy', 'resuming'], ['stop']],
  ]
  for (const [states, calls] of ways) {
    it(`from running to ${states.join(', then ')}`, async () => {
      const device = new MigratingDevice()
      await using talk = await agree(device)
      for (const state of states) {
        assert.equal(await enter(talk, state), 0)
        assert.equal(await stateOf(talk), migrationStates[state])
      }
      assert.deepEqual(device.log, calls)
    })
  }
  it('a device whose state is being saved does not go back to saving it while it runs', async () => {
    await using talk = await agree()
    await enter(talk, 'stopCopy')
    assert.equal(await enter(talk, 'preCopy'), EINVAL)
    assert.equal(await stateOf(talk), migrationStates.stopCopy)
  })
  it('a state that there is not, or that nobody can ask for, is refused', async () => {
    await using talk = await agree()
    for (const state of [0xabcd, 0, 5, 7]) assert.equal(await enter(talk, state), EINVAL, `${state}`)
    assert.equal(await stateOf(talk), migrationStates.running)
  })
  it('a device that fails on the way is in the error state, out of which a reset leads', async () => {
    const device = new MigratingDevice()
    device.refuses = true
    await using talk = await agree(device)
    assert.equal(await enter(talk, 'stop'), 16)
    assert.equal(await stateOf(talk), migrationStates.error)
    assert.equal(await enter(talk, 'running'), EINVAL)
    assert.equal(await talk.client.errno(ask.reset), 0)
    assert.equal(await stateOf(talk), migrationStates.running)
  })
  it('registers cannot be reached while the state is being saved', async () => {
    await using talk = await agree()
    await enter(talk, 'stopCopy')
    assert.equal(await talk.client.errno(ask.read(0, 0n, 4)), EINVAL)
    await enter(talk, 'stop')
    assert.equal(await talk.client.errno(ask.read(0, 0n, 4)), 0)
  })
  it('the state is read in pieces, and a short one is its end', async () => {
    await using talk = await agree()
    await enter(talk, 'stopCopy')
    const seen: number[][] = []
    for (let round = 0; round < 3; round++) {
      const { payload } = await talk.client.ask(ask.migrationRead(4))
      seen.push([...payload.subarray(8)])
    }
    assert.deepEqual(seen, [[1, 2, 3, 4], [5, 6, 7], []])
  })
  it('before it is stopped there is nothing to read', async () => {
    await using talk = await agree()
    assert.equal(await talk.client.errno(ask.migrationRead(4)), EINVAL)
    await enter(talk, 'preCopy')
    assert.equal((await talk.client.payload(ask.migrationRead(4))).getUint32(4, true), 0)
  })
  for (const [name, message] of Object.entries<Raw>({
    'a read of more than a message may carry': ask.migrationRead((1 << 20) + 1),
    'a read without room': ask.migrationRead(4, 11),
    'a read with a short payload': { command: 17, payload: packed(u32(12)) },
    'a write of more than comes with it': ask.migrationWrite([1, 2], 3),
    'a write without room': ask.migrationWrite([1, 2], 2, 9),
    'a write with a short payload': { command: 18, payload: packed(u32(12)) },
    'a write while nothing is restored': ask.migrationWrite([1]),
  })) {
    it(`${name} is refused`, async () => {
      await using talk = await agree()
      assert.equal(await talk.client.errno(message), EINVAL)
    })
  }
  it("a state that is written is the device's once it is left", async () => {
    const device = new MigratingDevice()
    await using talk = await agree(device)
    await enter(talk, 'resuming')
    assert.equal(await talk.client.errno(ask.migrationWrite([9, 8])), 0)
    assert.equal(await talk.client.errno(ask.migrationWrite([7])), 0)
    assert.equal(device.loaded, undefined)
    assert.equal(await enter(talk, 'running'), 0)
    assert.deepEqual([...(device.loaded ?? [])], [9, 8, 7])
  })
  it('a state that comes byte by byte, and with nothing in between, is whole', async () => {
    const device = new MigratingDevice()
    await using talk = await agree(device)
    await enter(talk, 'resuming')
    const state = Array.from({ length: 100 }, (_, index) => index)
    for (const byte of state) {
      assert.equal(await talk.client.errno(ask.migrationWrite([byte])), 0)
      assert.equal(await talk.client.errno(ask.migrationWrite([])), 0)
    }
    assert.equal(await enter(talk, 'running'), 0)
    assert.deepEqual([...(device.loaded ?? [])], state)
  })
  it('a state that the device does not take is refused', async () => {
    const device = new MigratingDevice()
    await using talk = await agree(device)
    await enter(talk, 'resuming')
    await talk.client.errno(ask.migrationWrite([9, 8]))
    device.refuses = true
    assert.equal(await enter(talk, 'running'), EIO)
    assert.equal(await stateOf(talk), migrationStates.error)
  })
})

describe('dirty pages', () => {
  const at = 0x10_0000n
  const logging = async () => {
    const device = new MigratingDevice()
    const talk = await agree(device)
    await talk.client.errno(ask.map(at, 64n * page))
    await talk.client.errno(ask.map(at + 64n * page, 64n * page))
    assert.equal(await talk.client.errno(log(page)), 0)
    return { device, talk }
  }
  const bits = (view: DataView): string => view.getBigUint64(32, true).toString(16)

  it('pages of 0 bytes are refused', async () => {
    await using talk = await agree()
    assert.equal(await talk.client.errno(log(0)), EINVAL)
  })
  it('pages of another size than agreed on are refused', async () => {
    await using talk = await agree()
    assert.equal(await talk.client.errno(log(2048)), EINVAL)
    assert.equal(await talk.client.errno(log(8192)), EINVAL)
  })
  it('fewer ranges than it says are refused', async () => {
    await using talk = await agree()
    assert.equal(await talk.client.errno(log(page, [], 1)), EINVAL)
  })
  it('ranges are taken', async () => {
    await using talk = await agree()
    assert.equal(await talk.client.errno(log(page, packed(u64(at), u64(page)), 1)), 0)
  })
  it('what nobody wrote is clean', async () => {
    const { talk } = await logging()
    await using _ = talk
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, page))), '0')
  })
  it('what the device wrote is dirty, once', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    device.client?.memory.markDirty(at + page, 1)
    device.client?.memory.markDirty(at + 3n * page - 1n, 2)
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, page))), 'e')
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, page))), '0')
  })
  it('a write is dirty by itself', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    void Promise.resolve(device.client?.memory.write(at, Uint8Array.of(1))).catch(() => {})
    await talk.client.receive()
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, page))), '1')
  })
  it('a write by message is dirty again once the client has carried it out', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    const write = Promise.resolve(device.client?.memory.write(at, Uint8Array.of(1)))
    const asked = await talk.client.receive()
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, page))), '1')
    talk.client.send(raw({ id: asked?.id ?? 0, command: 12, flags: 1, payload: packed(u64(at), u64(1)) }))
    await write
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, page))), '1')
  })
  it('a report in smaller pages has a bit for each, and one in larger pages one for several', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    device.client?.memory.markDirty(at + page, 1)
    assert.equal(bits(await talk.client.payload(report(at, 16n * page, 1024))), 'f0')
    device.client?.memory.markDirty(at + 3n * page, 1)
    assert.equal(bits(await talk.client.payload(report(at, 64n * page, 8192))), '2')
  })
  it('a report of bytes has a bit for each byte of a page', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    device.client?.memory.markDirty(at + page, 1)
    const view = await talk.client.payload(report(at + 3n, 2n * page, 1, 8 + 24 + 1024))
    const bitmap = new Uint8Array(view.buffer, view.byteOffset + 32)
    const set = [...bitmap].map((byte, index) => [byte, index] as const).filter(([byte]) => byte !== 0)
    // From byte 4093 to byte 8188, counted from the report's beginning.
    assert.deepEqual(
      [set[0], set.at(-1)],
      [
        [0xe0, 511],
        [0x1f, 1023],
      ],
    )
    assert.ok(set.slice(1, -1).every(([byte]) => byte === 0xff))
    assert.equal(set.length, 513)
  })
  it('a report of what is not mapped is refused', async () => {
    const { talk } = await logging()
    await using _ = talk
    assert.equal(await talk.client.errno(report(0xdead_0000n, page, page)), ENOENT)
    assert.equal(await talk.client.errno(report(at - page, 2n * page, page)), ENOENT)
  })
  it('a report over several mappings is refused', async () => {
    const { talk } = await logging()
    await using _ = talk
    assert.equal(await talk.client.errno(report(at, 128n * page, page, 8 + 24 + 16)), ENOTSUP)
  })
  it('a page size that is no power of two is refused', async () => {
    const { talk } = await logging()
    await using _ = talk
    assert.equal(await talk.client.errno(report(at, page, 4095)), EINVAL)
  })
  it('a bitmap that no message could carry is refused', async () => {
    const { talk } = await logging()
    await using _ = talk
    assert.equal(await talk.client.errno(report(0n, 1n << 62n, 1, 0xffff_ffff)), EINVAL)
  })
  it('without logging there is no report', async () => {
    const { talk } = await logging()
    await using _ = talk
    assert.equal(await talk.client.errno(ask.feature(set | feature.stop)), 0)
    assert.equal(await talk.client.errno(report(at, page, page)), EINVAL)
  })
  it('unmapping can bring the bitmap', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    device.client?.memory.markDirty(at + 5n * page, 1)
    const view = await talk.client.payload(ask.unmap(at, 64n * page, 1, 48, packed(u64(page), u64(8))))
    assert.equal(view.byteLength, 48)
    assert.equal(view.getBigUint64(40, true), 0x20n)
    assert.equal(device.mappings.size, 1)
  })
  it('unmapping with a bitmap of what is not mapped, or of several, is refused', async () => {
    const { device, talk } = await logging()
    await using _ = talk
    const room = packed(u64(page), u64(16))
    assert.equal(await talk.client.errno(ask.unmap(0n, page, 1, 56, room)), ENOENT)
    assert.equal(await talk.client.errno(ask.unmap(at, 128n * page, 1, 56, room)), ENOTSUP)
    assert.equal(await talk.client.errno(ask.unmap(at, 64n * page, 1, 41, packed(u64(page), u64(1)))), EINVAL)
    assert.equal(device.mappings.size, 2)
  })
})
