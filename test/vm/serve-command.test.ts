// `quiesce serve` of devices that the kernel's VFIO holds: two at once, each in its thread, to our own client.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { CommandOutcome } from './guest/commands.js'
import { addressIn, bindToVfio, runCommands } from './run-commands.js'
import { topology } from './topology.js'

type Event = Readonly<Record<string, unknown>>

const machine = topology()
const [edu, nvme, alone] = ['edu-port', 'nvme', 'edu-root'].map((name) => addressIn(machine, name)) as [
  string,
  string,
  string,
]

/** Reads the ids, gives the device memory, resets it, and leaves without a word. */
const client = `
const { openVfioUserFunction } = await import('/app/build/src/vfio-user/client/vfio-user-function.js')
for (const address of process.argv.slice(1)) {
  const fn = openVfioUserFunction('/tmp/' + address + '.sock')
  fn.config.write(4, 2, 6)
  fn.dma.map(0x100000n, fn.dma.allocate(65536n), 'read-write')
  const { ok } = await fn.reset()
  const mappable = fn.regions[0].mappable.length
  console.log(JSON.stringify({ address, ids: fn.config.read(0, 4), ok, mappable }))
}
process.exit()`

/** Serves, lets clients come until there are so many events of a kind, and ends it by a signal. */
function script(devices: readonly string[], clientLine: string, until: string): string {
  const wait = (kind: string) =>
    `until [ $(grep -c '"event":"${kind}"' /tmp/told) -ge ${devices.length} ]; do kill -0 $server || break; sleep 0.1; done`
  return `quiesce serve ${devices.join(' ')} --socket /tmp --json > /tmp/told & server=$!
${wait('serving')}
${clientLine}
${wait(until)}
kill -TERM $server; wait $server; echo $? > /tmp/status
ls /tmp | grep -c 'sock$'`
}

describe('quiesce serve on the real kernel', () => {
  let said: ReadonlyMap<string, CommandOutcome>
  const read = (name: string): CommandOutcome => {
    const outcome = said.get(name)
    assert.ok(outcome, `${name} was not run`)
    return outcome
  }
  const events = (name: string): Event[] =>
    read(name)
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  before(async () => {
    const clientLine = `node --input-type=module -e "$1" ${edu} ${nvme} > /tmp/seen`
    const run = (name: string, ...line: string[]) => ({ do: 'run', name, line }) as const
    ;({ said } = await runCommands(machine, [
      ...bindToVfio(edu, nvme, alone),
      run('two', 'sh', '-c', script([edu, nvme], clientLine, 'released'), 'sh', client),
      run('two: seen', 'cat', '/tmp/seen'),
      run('two: told', 'cat', '/tmp/told'),
      run('two: status', 'cat', '/tmp/status'),
      run('nobody', 'sh', '-c', script([alone], ':', 'serving')),
      run('nobody: told', 'cat', '/tmp/told'),
      run('nobody: status', 'cat', '/tmp/status'),
    ]))
  })

  it('gives clients the devices, with BARs to be mapped, and resets behind DEVICE_RESET', () => {
    const seen = events('two: seen').map(({ ids, ok, mappable }) => [ids, ok, Number(mappable) > 0])
    assert.deepEqual(seen, [
      [0x11e8_1234, true, true],
      [0x0010_1b36, true, true],
    ])
  })

  it('leaves each clean when its client is gone, and says so', () => {
    for (const device of [edu, nvme]) {
      const told = events('two: told').filter((event) => event['device'] === device)
      const kinds = told.map(({ event }) => event)
      for (const kind of ['serving', 'connected', 'agreed', 'disconnected', 'released', 'ending', 'ended']) {
        assert.ok(kinds.includes(kind), `${kind} of ${kinds.join(', ')}`)
      }
      const reports = told.filter(({ event }) => event === 'reset-report') as unknown as {
        cause: string
        report: { verdict: string }
      }[]
      assert.deepEqual(
        reports.map(({ cause, report }) => [cause, report.verdict]),
        [
          ['client', 'clean'],
          ['disconnect', 'clean'],
        ],
      )
    }
    assert.equal(read('two: status').stdout, '0\n')
    assert.equal(read('two').stdout, '0\n')
  })

  it('ends with 0 where nobody came', () => {
    assert.deepEqual(
      events('nobody: told').map(({ event }) => event),
      ['serving', 'ending', 'ended'],
    )
    assert.equal(read('nobody: status').stdout, '0\n')
  })
})
