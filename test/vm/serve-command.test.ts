// `quiesce serve` of devices that the kernel's VFIO holds: two at once, each in its thread, or in one where they share an IOMMU
// group; to our own client.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { CommandOutcome } from './guest/commands.js'
import type { SeenByGroup } from './guest/serve-group-client.js'
import type { SeenWithKeptFile } from './guest/serve-kept-file.js'
import { addressIn, bindToVfio, runCommands } from './run-commands.js'
import { topology } from './topology.js'

type Event = Readonly<Record<string, unknown>>

const machine = topology(['edu-root', 'edu-port', 'nvme', 'edu-shared-a', 'edu-shared-b'])
const [edu, nvme, alone, first, second] = ['edu-port', 'nvme', 'edu-root', 'edu-shared-a', 'edu-shared-b'].map((name) =>
  addressIn(machine, name),
) as [string, string, string, string, string]
const groupClient = '/app/build/test/vm/guest/serve-group-client.js'
const keeper = '/app/build/test/vm/guest/serve-kept-file.js'

/** Reads the ids, gives the device memory, resets it, and leaves without a word. */
const client = `
const { openVfioUserFunction } = await import('/app/build/src/vfio-user/client/vfio-user-function.js')
for (const address of process.argv.slice(1)) {
  const fn = openVfioUserFunction('/tmp/' + address + '.sock')
  fn.config.write(4, 2, 6)
  const first = new Uint8Array(4)
  fn.regions[0].read(0n, first)
  fn.dma.map(0x100000n, fn.dma.allocate(65536n), 'read-write')
  const { ok } = await fn.reset()
  const mappable = fn.regions[0].mappable.length
  console.log(JSON.stringify({ address, ids: fn.config.read(0, 4), ok, mappable, first: [...first] }))
}
process.exit()`

/** Serves, lets clients come until there are so many events of a kind, and ends it by a signal. */
function script(devices: readonly string[], clientLine: string, until: string, options = ''): string {
  const wait = (kind: string) =>
    `until [ $(grep -c '"event":"${kind}"' /tmp/told) -ge ${devices.length} ]; do kill -0 $server || break; sleep 0.1; done`
  return `quiesce serve ${devices.join(' ')} --socket /tmp --json ${options} > /tmp/told & server=$!
${wait('serving')}
${clientLine}
${wait(until)}
${until === 'ended' ? '' : 'kill -TERM $server; '}wait $server; echo $? > /tmp/status
ls /tmp | grep -c 'sock$'`
}

const run = (name: string, ...line: string[]) => ({ do: 'run', name, line }) as const

type Said = ReadonlyMap<string, CommandOutcome>

function read(said: Said, name: string): CommandOutcome {
  const outcome = said.get(name)
  assert.ok(outcome, `${name} was not run`)
  return outcome
}

const linesOf = (said: Said, name: string): Event[] =>
  read(said, name)
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line))

interface TellsReport {
  readonly cause: string
  readonly report: { readonly verdict: string; readonly attempts: readonly { method: string; reason?: string }[] }
}

const reportsOf = (told: readonly Event[], device: string): TellsReport[] =>
  told.filter((each) => each['device'] === device && each['event'] === 'reset-report') as unknown as TellsReport[]

describe('quiesce serve on the real kernel', () => {
  let said: Said
  const events = (name: string): Event[] => linesOf(said, name)

  before(async () => {
    const clientLine = 'node --input-type=module > /tmp/seen -e "$1"'
    ;({ said } = await runCommands(machine, [
      ...bindToVfio(edu, nvme, alone),
      run('two', 'sh', '-c', script([edu, nvme], `${clientLine} ${edu} ${nvme}`, 'released'), 'sh', client),
      run('two: seen', 'cat', '/tmp/seen'),
      run('two: told', 'cat', '/tmp/told'),
      run('two: status', 'cat', '/tmp/status'),
      run('trapped', 'sh', '-c', script([edu], `${clientLine} ${edu}`, 'released', '--trap-bars'), 'sh', client),
      run('trapped: seen', 'cat', '/tmp/seen'),
      run('nobody', 'sh', '-c', script([alone], ':', 'serving')),
      run('nobody: told', 'cat', '/tmp/told'),
      run('nobody: status', 'cat', '/tmp/status'),
      run('unbound', 'sh', '-c', script([alone], `echo ${alone} > /sys/bus/pci/drivers/vfio-pci/unbind`, 'ended')),
      run('unbound: told', 'cat', '/tmp/told'),
      run('unbound: status', 'cat', '/tmp/status'),
    ]))
  })

  it('gives clients the devices, with BARs to be mapped, and resets behind DEVICE_RESET', () => {
    const seen = events('two: seen').map(({ ids, ok, mappable }) => [ids, ok, Number(mappable) > 0])
    assert.deepEqual(seen, [
      [0x11e8_1234, true, true],
      [0x0010_1b36, true, true],
    ])
  })

  it('keeps files of BARs from clients with --trap-bars, and answers their accesses itself', () => {
    const [seen] = events('trapped: seen')
    // edu's identification, docs/specs/edu.rst.
    assert.deepEqual([seen?.['ok'], seen?.['mappable'], seen?.['first']], [true, 0, [0xed, 0, 0, 1]])
  })

  it('leaves each clean when its client is gone, and says so', () => {
    for (const device of [edu, nvme]) {
      const told = events('two: told').filter((event) => event['device'] === device)
      const kinds = told.map(({ event }) => event)
      for (const kind of ['serving', 'connected', 'agreed', 'disconnected', 'released', 'ending', 'ended']) {
        assert.ok(kinds.includes(kind), `${kind} of ${kinds.join(', ')}`)
      }
      assert.deepEqual(
        reportsOf(told, device).map(({ cause, report }) => [cause, report.verdict]),
        [
          ['client', 'clean'],
          ['disconnect', 'clean'],
          // It had the file of the BAR: the device was closed, opened and looked at.
          ['handover', 'clean'],
        ],
      )
    }
    assert.equal(read(said, 'two: status').stdout, '0\n')
    assert.equal(read(said, 'two').stdout, '0\n')
  })

  it('gives back a device that is unbound, and ends when none is left', () => {
    assert.deepEqual(
      events('unbound: told').map(({ event }) => event),
      ['serving', 'release-requested', 'ended'],
    )
    assert.equal(read(said, 'unbound: status').stdout, '0\n')
  })

  it('ends with 0 where nobody came', () => {
    assert.deepEqual(
      events('nobody: told').map(({ event }) => event),
      ['serving', 'ending', 'ended'],
    )
    assert.equal(read(said, 'nobody: status').stdout, '0\n')
  })
})

for (const [backend, kernel] of [
  ['group', undefined],
  ['cdev', 'iommufd'],
] as const) {
  describe(`quiesce serve of two devices of one IOMMU group, by ${backend}`, () => {
    let said: Said
    let seen: SeenByGroup
    let told: Event[]

    before(async () => {
      const clientLine = `node ${groupClient} ${first} ${second} > /tmp/seen`
      const keptLine = `node ${keeper} ${first} ${second} > /tmp/seen`
      const options = kernel === undefined ? {} : { kernel }
      ;({ said } = await runCommands(
        machine,
        [
          ...bindToVfio(first, second),
          run('served', 'sh', '-c', script([first, second], clientLine, 'released', `--backend ${backend}`)),
          run('told', 'cat', '/tmp/told'),
          run('status', 'cat', '/tmp/status'),
          run('seen', 'cat', '/tmp/seen'),
          run('kept', 'sh', '-c', script([first, second], keptLine, 'released', `--backend ${backend}`)),
          run('kept: seen', 'cat', '/tmp/seen'),
          run('kept: told', 'cat', '/tmp/told'),
        ],
        options,
      ))
      told = linesOf(said, 'told')
      const output = read(said, 'seen').stdout
      assert.notEqual(output, '', `${read(said, 'served').stderr} ${read(said, 'told').stdout}`)
      seen = JSON.parse(output)
    })

    it('lets each reach the memory that both clients give, also when the other has let go', () => {
      assert.deepEqual(seen.reached, {
        first: true,
        second: true,
        secondOnceFirstLetGo: true,
        firstAfterReset: true,
      })
    })

    it('refuses other memory at the same place', () => {
      assert.equal(seen.conflict, 'EEXIST')
      const refused = told.filter(({ event }) => event === 'refused')
      assert.deepEqual(
        refused.map(({ device, command, errno }) => [device, command, errno]),
        [[first, 'DMA_MAP', 'EEXIST']],
      )
    })

    it('turns away another VMM while one has a device of the group', () => {
      assert.notEqual(seen.stranger, 'let in')
      const [away, ...more] = told.filter(({ event }) => event === 'turned-away')
      assert.equal(more.length, 0)
      assert.equal(away?.['device'], second)
      assert.match(String(away['reason']), new RegExp(`shares its IOMMU group with ${first}`))
    })

    it('resets the bus only when nobody uses the other device', () => {
      assert.deepEqual(seen.resets, [true, true])
      const ofFirst = reportsOf(told, first)
      assert.deepEqual(
        ofFirst.slice(0, 3).map(({ cause, report }) => [cause, report.verdict]),
        [
          ['client', 'quiesced'],
          ['companion', 'clean'],
          ['disconnect', 'clean'],
        ],
      )
      const hot = ofFirst[0]?.report.attempts.find(({ method }) => method === 'hot')
      assert.match(hot?.reason ?? '', new RegExp(`EBUSY: it would also reset ${second}, which a guest uses`))
    })

    it('leaves both clean when the last client is gone', () => {
      for (const device of [first, second]) assert.equal(reportsOf(told, device).at(-1)?.report.verdict, 'clean')
      assert.equal(read(said, 'status').stdout, '0\n')
    })

    it('gives nobody what somebody keeps the file of, or a mapping, until that is closed', () => {
      const output = read(said, 'kept: seen').stdout
      assert.notEqual(output, '', `${read(said, 'kept').stderr} ${read(said, 'kept: told').stdout}`)
      const { landed, letIn }: SeenWithKeptFile = JSON.parse(output)
      assert.deepEqual(landed, { during: true, after: false })
      assert.deepEqual(letIn, { file: false, mapping: false, nothing: true })
      const events = linesOf(said, 'kept: told')
      const reasons = events.filter(({ event }) => event === 'turned-away').map(({ reason }) => String(reason))
      assert.equal(reasons.length, 2)
      for (const reason of reasons) assert.match(reason, /its file is still open elsewhere/)
      assert.ok(events.some(({ event }) => event === 'reopened'))
    })

    it('has its interrupts counted by the kernel', () => {
      const { raised, came, counted } = seen.interrupts
      assert.deepEqual([came, counted], [raised, raised])
    })
  })
}
