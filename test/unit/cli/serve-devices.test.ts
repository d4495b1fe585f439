// What becomes of devices that do not end as they should; in front of threads that are made for it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { exitStatus } from '../../../src/cli/exit-status.js'
import { OfferedDevice, type ServingThread } from '../../../src/cli/serve/offered-device.js'
import { serveDevices } from '../../../src/cli/serve/serve-devices.js'
import type { ServeEvent } from '../../../src/cli/serve/serve-event.js'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import type { ServerEvent } from '../../../src/vfio-user/server/server-event.js'
import { recorder } from './terminal-recorder.js'

const peer = { pid: 1, uid: 0, gid: 0 }
const report = await resetFunction(createSimulatedFunction('flr'))

/** A device of which the test says what its thread does. */
function offered(name: string, sharing?: string) {
  const told: ServeEvent[] = []
  let isListening = true
  const place = {
    path: `/run/${name}`,
    share: () => -1,
    [Symbol.dispose]: () => {
      isListening = false
    },
  }
  const order = { kind: 'sim', name, sharing, backend: 'auto', policy: {}, trapsBars: false } as const
  const device = new OfferedDevice(order, place, (event) => told.push(event))
  let end: (reason?: string) => void = () => {}
  const ended = new Promise<string | undefined>((resolve) => {
    end = resolve
  })
  let onClose = (): void => end()
  const thread: ServingThread = {
    ended,
    counts: async () => undefined,
    async close() {
      onClose()
      await ended
    },
  }
  let hear: (event: ServerEvent) => void = () => {}
  return {
    device,
    told,
    thread,
    kinds: () => told.map(({ kind }) => kind),
    isListening: () => isListening,
    end: (reason?: string) => end(reason),
    hear: (event: ServerEvent) => hear(event),
    onClose(act: () => void) {
      onClose = act
    },
    start(onEvent: (event: ServerEvent) => void): ServingThread {
      hear = onEvent
      return thread
    },
  }
}

type Offered = ReturnType<typeof offered>

function serve(devices: readonly Offered[], started: () => void = () => {}) {
  const { terminal } = recorder()
  return serveDevices(
    devices.map(({ device }) => device),
    terminal,
    {
      isLive: false,
      onServing: started,
      start: async ({ devices: [order], onEvent }) => {
        const found = devices.find(({ device }) => device.order === order)
        assert.ok(found)
        return found.start((event) => onEvent(event, 0))
      },
    },
  )
}

describe('serving devices', () => {
  // As the devices' threads do.
  let alive: NodeJS.Timeout | undefined
  before(() => {
    alive = setInterval(() => {}, 1000)
  })
  after(() => clearInterval(alive))

  it('goes on for the others when the thread of one ends by itself, and fails in the end', async () => {
    const [one, two] = [offered('one'), offered('two')]
    const status = await serve([one, two], () => {
      one.end('out of memory')
      void one.device.gone().then(() => {
        assert.deepEqual(one.told, [{ kind: 'failed', reason: 'out of memory' }])
        assert.equal(one.isListening(), false)
        assert.equal(two.isListening(), true)
        assert.equal(two.device.hasEnded, false)
        process.kill(process.pid, 'SIGTERM')
      })
    })
    assert.equal(status, exitStatus.failed)
    assert.deepEqual(one.kinds(), ['failed'])
    assert.deepEqual(two.kinds(), ['ending', 'ended'])
  })

  it('serves those that share something in one thread, and tells them apart', async () => {
    const [one, other, two] = [offered('one', 'group'), offered('other'), offered('two', 'group')]
    const started: string[][] = []
    const { terminal } = recorder()
    const status = await serveDevices([one.device, other.device, two.device], terminal, {
      isLive: false,
      allowUsers: [7],
      onServing: () => process.kill(process.pid, 'SIGTERM'),
      start: async ({ devices, listeners, allowUsers, onEvent }) => {
        started.push(devices.map(({ name }) => name))
        assert.equal(listeners.length, devices.length)
        assert.deepEqual(allowUsers, [7])
        for (const [index, { name }] of devices.entries()) {
          onEvent({ kind: 'refused', command: name, errno: 22, reason: 'no' }, index)
        }
        return (devices.length > 1 ? one : other).thread
      },
    })
    assert.equal(status, exitStatus.done)
    assert.deepEqual(started, [['one', 'two'], ['other']])
    for (const { device, told, kinds } of [one, other, two]) {
      assert.deepEqual(kinds(), ['refused', 'ending', 'ended'])
      assert.ok(told[0]?.kind === 'refused' && told[0].command === device.order.name)
    }
  })

  it('gives a device back that the kernel wants, once no device of its thread has a client', async () => {
    const [one, two, other] = [offered('one', 'group'), offered('two', 'group'), offered('other')]
    const { terminal } = recorder()
    const status = await serveDevices([one.device, two.device, other.device], terminal, {
      isLive: false,
      onServing: () => {},
      start: async ({ devices, onEvent }) => {
        if (devices.length === 1) return other.thread
        setImmediate(async () => {
          onEvent({ kind: 'connected', peer }, 1)
          onEvent({ kind: 'release-requested' }, 0)
          assert.equal(one.isListening(), true)
          onEvent({ kind: 'reset-report', cause: 'disconnect', report }, 1)
          onEvent({ kind: 'released', failure: undefined }, 1)
          for (let time = 0; time < 2; time++) onEvent({ kind: 'release-requested' }, 0)
          await two.device.gone()
          assert.deepEqual([one.isListening(), two.isListening(), other.isListening()], [false, false, true])
          other.end('enough')
        })
        return one.thread
      },
    })
    assert.equal(status, exitStatus.failed)
    assert.deepEqual(one.kinds(), [...Array(3).fill('release-requested'), 'ended'])
    assert.deepEqual(two.kinds(), ['connected', 'reset-report', 'released', 'ended'])
    assert.deepEqual(other.kinds(), ['failed'])
  })

  it('ends by itself when no thread is left', async () => {
    const one = offered('one')
    assert.equal(await serve([one], () => one.end('out of memory')), exitStatus.failed)
  })

  it('tells of a thread that fails while it ends', async () => {
    const one = offered('one')
    one.onClose(() => one.end('the device could not be closed'))
    const status = await serve([one], () => process.kill(process.pid, 'SIGTERM'))
    assert.equal(status, exitStatus.failed)
    assert.deepEqual(one.kinds(), ['ending', 'failed'])
  })

  it('fails where a client was there and no report says what it left', async () => {
    const one = offered('one')
    one.onClose(() => {
      one.hear({ kind: 'disconnected', reason: 'the server ends' })
      one.hear({ kind: 'released', failure: undefined })
      one.end()
    })
    const status = await serve([one], () => {
      one.hear({ kind: 'connected', peer })
      process.kill(process.pid, 'SIGTERM')
    })
    assert.equal(status, exitStatus.failed)
    assert.deepEqual(one.told.at(-2), { kind: 'released', failure: 'its reset came to no end' })
    assert.deepEqual(one.told.at(-1), { kind: 'ended', verdict: undefined, status: exitStatus.failed })
  })

  it('closes those that were opened when one cannot be', async () => {
    const [one, two] = [offered('one'), offered('two')]
    let isClosed = false
    one.onClose(() => {
      isClosed = true
      one.end()
    })
    const { terminal } = recorder()
    const served = serveDevices([one.device, two.device], terminal, {
      isLive: false,
      onServing: () => assert.fail('it does not serve'),
      start: async ({ devices: [order], onEvent }) => {
        if (order === one.device.order) return one.start((event) => onEvent(event, 0))
        throw new QuiesceError('BUSY', 'Cannot open two: another has it')
      },
    })
    await assert.rejects(served, { code: 'BUSY' })
    assert.ok(isClosed)
    assert.deepEqual([one.isListening(), two.isListening()], [false, false])
  })

  it('does not begin where it was asked to end while it opened', async () => {
    const one = offered('one')
    const { terminal } = recorder()
    const status = await serveDevices([one.device], terminal, {
      isLive: false,
      onServing: () => assert.fail('it does not serve'),
      start: async ({ onEvent }) => {
        const arrived = new Promise((resolve) => process.once('SIGTERM', resolve))
        process.kill(process.pid, 'SIGTERM')
        await arrived
        return one.start((event) => onEvent(event, 0))
      },
    })
    assert.equal(status, exitStatus.done)
    assert.deepEqual(one.kinds(), ['ending', 'ended'])
  })

  it('at a second signal says which devices nobody has shown to be quiet, and ends with 1', () => {
    const module = (path: string) => JSON.stringify(new URL(`../../../src/cli/${path}`, import.meta.url).href)
    // A device whose reset has no end.
    const script = `
import { OfferedDevice } from ${module('serve/offered-device.js')}
import { serveDevices } from ${module('serve/serve-devices.js')}
import { processTerminal } from ${module('terminal.js')}
const place = { path: '/nowhere', share: () => -1, [Symbol.dispose]: () => console.log('socket removed') }
const device = new OfferedDevice({ kind: 'sim', name: 'sim:stuck', sharing: undefined, backend: 'auto', policy: {} }, place, ({ kind }) => {
  console.log(kind)
  if (kind === 'ending') process.kill(process.pid, 'SIGINT')
})
const forever = new Promise(() => {})
setInterval(() => {}, 1000)
await serveDevices([device], { ...processTerminal(), note: () => {} }, {
  isLive: false,
  onServing: () => process.kill(process.pid, 'SIGINT'),
  start: async () => ({ ended: forever, counts: () => forever, close: () => forever }),
})`
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    assert.equal(run.status, exitStatus.failed, run.stderr)
    assert.deepEqual(run.stdout.trim().split('\n'), ['ending', 'socket removed', 'abandoned', 'socket removed'])
  })
})
