// The examples that need the kernel's VFIO, run as a reader of them runs them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { processorWithKvm } from './qemu-arguments.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

interface ExampleRun {
  readonly example?: string
  readonly status: number
  readonly lines: readonly string[]
  readonly stderr: string
}

const machine = topology(['edu-root', 'edu-port', 'rng-park'])
const [root = '', port = '', other = ''] = machine.devices.map(({ address }) => address)

const driven = (address: string, verdict: string) => [
  `${address}: edu, identification 0x10000ed`,
  'the complement of 0x12345678 is 0xedcba987',
  '10! is 3628800, says interrupt 0x1',
  'memory: There and back by DMA',
  `taken back: ${verdict}, Command is 0x0`,
]

describe('the examples on the kernel’s VFIO', async () => {
  const run = await runInVm({
    program: 'kvm-examples',
    topology: machine,
    cpuModel: processorWithKvm,
    memoryMiB: 1024,
    cpus: 2,
    modules: ['kvm'],
    timeoutMs: 300_000,
  })
  const runs = (run.results as ExampleRun[]).filter(({ example }) => example !== undefined)

  it('all of them were run', () => {
    assert.equal(run.exitCode, 0, run.serial)
    assert.equal(runs.length, 6)
  })

  it('the driver says what is missing while the device is not with vfio-pci', () => {
    const unbound = runs[0]
    assert.equal(unbound?.status, 1)
    assert.match(unbound.stderr, /^Cannot open 0000:[0-9a-f:.]+: .*\n.*vfio-pci/)
    assert.doesNotMatch(unbound.stderr, /\n\s+at /)
  })

  it('the driver drives the device and takes it back', () => {
    assert.deepEqual([runs[1]?.status, runs[1]?.stderr], [0, ''])
    assert.deepEqual(runs[1]?.lines, driven(root, 'quiesced'))
    assert.deepEqual(runs[2]?.lines, driven(port, 'clean'))
  })

  it('the driver refuses another device, by its name', () => {
    assert.equal(runs[3]?.status, 1)
    assert.equal(runs[3]?.stderr, `Cannot drive ${other}: it is 1af4:1044, not an edu (1234:11e8)\n`)
  })

  it('the VMM on KVM runs its guest, resets the machine and runs it again', () => {
    const vmm = runs[4]
    assert.ok(vmm)
    assert.deepEqual([vmm.status, vmm.stderr], [0, ''])
    const guest = [
      'the guest drove the device: BAR 0 of 1024 KiB at 0xe0000000',
      '  N accesses to its registers: 0 exits, 0 mismatches',
      '  24 interrupts, 4 transfers: 0 through JavaScript',
    ]
    const reset = 'the machine was reset in the middle of a transfer: quiesced, 0 bytes landed afterwards'
    // An interrupt without a cause, which may happen, costs the guest an access.
    const lines = vmm.lines.map((line) => line.replace(/1\d{4}(?= accesses)/, 'N'))
    assert.deepEqual(lines, [...guest, reset, ...guest])
  })

  it('its guest does not find a device that is no edu', () => {
    assert.equal(runs[5]?.status, 1)
    assert.match(runs[5]?.stderr ?? '', /^Cannot go on: the guest finds no edu/)
  })

  it('none of them leaves a device on the bus', () => {
    const [last] = run.results.slice(-1) as { commands?: number[] }[]
    assert.deepEqual(last?.commands, [0, 0, 0])
  })
})
