import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LiveLines } from '../../../src/cli/live-lines.js'
import { serveSchema } from '../../../src/cli/schemas/serve-schema.js'
import { DeliveredInterrupts } from '../../../src/cli/serve/delivered-interrupts.js'
import { eventToJson } from '../../../src/cli/serve/event-json.js'
import { eventToWords } from '../../../src/cli/serve/event-words.js'
import type { ServeEvent } from '../../../src/cli/serve/serve-event.js'
import { statusLine } from '../../../src/cli/serve/status-line.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { violations } from './validate-schema.js'

const peer = { pid: process.pid, uid: 5, gid: 6 }
const report = await resetFunction(createSimulatedFunction('edu'))

/** One of each kind. */
const events: readonly ServeEvent[] = [
  { kind: 'planned', socket: '/run/x', replaces: true },
  { kind: 'serving', socket: undefined },
  { kind: 'connected', peer },
  { kind: 'turned-away', peer, reason: 'it has a client' },
  {
    kind: 'agreed',
    terms: {
      minor: 0,
      maxMessageFds: 16,
      peerMaxMessageFds: 16,
      maxDataTransfer: 1 << 20,
      maxDmaMaps: 65535,
      pageSizes: 4096n,
      writeMultiple: true,
      migration: undefined,
    },
  },
  { kind: 'disconnected', reason: 'it left' },
  { kind: 'released', failure: undefined },
  { kind: 'released', failure: 'a vector stayed' },
  { kind: 'reopened', ms: 212.4 },
  { kind: 'refused', command: 'DMA_MAP', errno: 22, reason: 'no' },
  { kind: 'reset', cause: 'client', ok: false, reason: 'the reset ended as lost' },
  { kind: 'reset-report', cause: 'guest', report },
  { kind: 'reset-report', cause: 'companion', report },
  { kind: 'release-requested' },
  { kind: 'cut-off', by: '0000:01:00.0' },
  { kind: 'access-failed', region: 7, offset: 0x40n, reason: 'gone' },
  { kind: 'memory-out-of-reach', address: 0x10_0000n, size: 0x2000_0000n },
  { kind: 'suppressed', of: 'refused', count: 12 },
  { kind: 'failed', reason: 'out of memory' },
  { kind: 'ending', signal: 'SIGTERM' },
  { kind: 'abandoned', signal: 'SIGTERM' },
  { kind: 'ended', verdict: 'contained', status: 11 },
]

const plain = (_style: unknown, text: string): string => text
const words = (event: ServeEvent, isRaw = false) =>
  eventToWords('sim:edu', event, new Date(2030, 0, 1, 7, 8, 9), { paint: plain, withSteps: false, isRaw })

describe('the events of quiesce serve', () => {
  for (const event of events) {
    it(`of kind ${event.kind} are one line of JSON by the schema, and one of words`, () => {
      const line = eventToJson('sim:edu', event, new Date(0))
      assert.doesNotMatch(line, /\n/)
      const parsed = JSON.parse(line)
      assert.deepEqual(violations(serveSchema, parsed), [])
      assert.equal(parsed.at, '1970-01-01T00:00:00.000Z')
      assert.match(words(event) ?? '', /^07:08:09 {2}sim:edu {2}\S.*$/)
    })
  }

  it('of another shape are not of the schema', () => {
    const line = JSON.parse(eventToJson('sim:edu', { kind: 'disconnected', reason: 'x' }, new Date(0)))
    assert.notDeepEqual(violations(serveSchema, { ...line, event: 'vanished' }), [])
    assert.notDeepEqual(violations(serveSchema, { ...line, extra: 1 }), [])
    const { reason: _, ...rest } = line
    assert.notDeepEqual(violations(serveSchema, rest), [])
  })

  it('name a reset once: by its report, or for bare hardware by the request', () => {
    const reset: ServeEvent = { kind: 'reset', cause: 'client', ok: true, reason: undefined }
    assert.equal(words(reset), undefined)
    assert.match(words(reset, true) ?? '', /reset because its client asked/)
  })

  it('have no words for firmware that is not shared', () => {
    assert.equal(words({ kind: 'memory-out-of-reach', address: 0xc0000n, size: 0x20000n }), undefined)
  })

  it('say what is meant', () => {
    const said = events.map((event) => words(event)).join('\n')
    assert.match(said, /refused DMA_MAP with EINVAL: no/)
    assert.match(said, /reset because the guest asked: QUIESCED/)
    assert.match(
      said,
      /cannot reach 512 MiB of its client's memory at 0x100000: it is not shared, or could be cut short/,
    )
    assert.match(said, /left out 12 more of refused/)
    assert.match(said, new RegExp(`client \\S+ \\(pid ${process.pid}, uid 5\\) connected`))
  })
})

describe('the status line', () => {
  const idle = { device: 'sim:edu', client: undefined, resets: 0, verdict: undefined, failure: undefined }

  it('says that nobody is there', () => {
    assert.equal(statusLine(idle, { messagesPerSecond: undefined, counts: {}, delivered: 0 }), 'sim:edu  no client')
  })

  it('has the client, messages, memory, interrupts, and resets with the last verdict', () => {
    const counts = { dmaMaps: 3, dmaBytes: 1.5 * 2 ** 30, msix: 4, msi: 0, signalled: 7 }
    const line = statusLine(
      { ...idle, client: process.pid, resets: 2, verdict: 'clean' },
      { messagesPerSecond: 1234.4, counts, delivered: 0 },
    )
    assert.match(line, new RegExp(`^sim:edu {2}client ${process.pid} \\S+ {2}1234 messages/s {2}`))
    assert.match(line, /DMA 1\.5 GiB in 3 maps {2}interrupts msix 4, 7 sent {2}resets 2, last clean$/)
  })

  it('has the interrupts that the kernel delivers by itself', () => {
    const counts = { dmaMaps: 1, dmaBytes: 4096, msi: 1 }
    const line = statusLine({ ...idle, client: 0 }, { messagesPerSecond: 0, counts, delivered: 5 })
    assert.match(line, /0 messages\/s {2}DMA 4 KiB in 1 map {2}interrupts msi 1, 5 delivered$/)
  })

  it('says what failed', () => {
    assert.equal(
      statusLine({ ...idle, failure: 'out of memory' }, { messagesPerSecond: 1, counts: {}, delivered: 0 }),
      'sim:edu  failed: out of memory',
    )
  })
})

describe('interrupts that the kernel delivered', () => {
  it('are counted from when one begins to look, though vectors are given up and set up anew', () => {
    const [edu, nvme] = ['0000:01:00.0', '0000:02:00.0']
    let now = [{ number: 24, count: 100, devices: [edu] }]
    const delivered = new DeliveredInterrupts(() => now)
    assert.equal(delivered.of(edu), 0)
    const look = (...counts: typeof now): number[] => {
      now = counts
      delivered.update()
      return [delivered.of(edu), delivered.of(nvme)]
    }
    assert.deepEqual(look({ number: 24, count: 103, devices: [edu] }), [3, 0])
    assert.deepEqual(look({ number: 24, count: 2, devices: [edu] }), [5, 0])
    assert.deepEqual(look(), [5, 0])
    assert.deepEqual(look({ number: 24, count: 7, devices: [nvme] }), [5, 7])
    assert.deepEqual(look({ number: 24, count: 9, devices: [edu, edu, nvme] }), [14, 16])
  })
})

describe('live lines', () => {
  /** A terminal of few lines: what it shows after all that was written. */
  function screen() {
    const lines = ['']
    let row = 0
    const write = (text: string): void => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
      for (const [part] of text.matchAll(/\x1b\[(\d*)([A-Z])|\r|\n|[^\x1b\r\n]+/g)) {
        const up = /(\d+)A$/.exec(part)
        if (part.startsWith('\x1b') && up !== null) row -= Number(up[1])
        else if (part === '\x1b[0J') lines.splice(row, lines.length, '')
        else if (part === '\n') lines[++row] ??= ''
        else if (part !== '\r') lines[row] += part
      }
    }
    return { write, lines }
  }

  it('stay below what is written, and go when there are none', () => {
    const { write, lines } = screen()
    const live = new LiveLines(write, () => 80)
    live.show(['one', 'two'])
    live.above(() => write('an event\n'))
    assert.deepEqual(lines, ['an event', 'one', 'two', ''])
    live.show(['three'])
    assert.deepEqual(lines, ['an event', 'three', ''])
    live.show([])
    live.above(() => write('another\n'))
    assert.deepEqual(lines, ['an event', 'another', ''])
  })

  it('are cut where the terminal ends', () => {
    const { write, lines } = screen()
    new LiveLines(write, () => 10).show(['0123456789abc'])
    assert.deepEqual(lines, ['012345678', ''])
  })
})
