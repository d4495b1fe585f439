// Simulated devices of one IOMMU group and bus behind files, opened anew between VMMs: what was known of them is found again.
import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { createSimulatedFunction, SimulatedMachine } from '../../src/sim/index.js'
import { DeviceGroup } from '../../src/vfio-user/server/device-group.js'
import { ForwardingDevice } from '../../src/vfio-user/server/forwarding-device.js'
import { PhysicalDevice } from '../../src/vfio-user/server/physical-device.js'
import { ReopenedDevices } from '../../src/vfio-user/server/reopened-devices.js'
import type { ServedDevice, ServedRegion } from '../../src/vfio-user/server/served-device.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { packed, u16 } from '../unit/vfio-user/messages/wire.js'
import { comeIn, leave } from './next-client.js'
import { until } from './until.js'
import { ask, greet, type Talk } from './wire-client.js'

const iova = 0x10_0000n
const page = 4096n
const config = 7
const memoryAndMaster = 6

/** A simulator has no files of BARs. */
class WithFile extends ForwardingDevice {
  readonly #regions: readonly (ServedRegion | undefined)[]

  constructor(inner: ServedDevice, fd: number) {
    super(inner)
    this.#regions = inner.regions.map((region, index) => {
      if (region === undefined || index > 0) return region
      return { ...region, file: { fd, offset: 0n }, mappable: [{ offset: 0n, size: region.size }] }
    })
  }

  override get regions(): readonly (ServedRegion | undefined)[] {
    return this.#regions
  }
}

async function serveSiblings() {
  const machine = new SimulatedMachine()
  const group = new DeviceGroup()
  const first = createSimulatedFunction('siblings.0', { machine, containment: 'unmap-all' })
  const second = createSimulatedFunction('siblings.1', { machine, containment: 'unmap-all', shareDmaWith: first })
  const file = new SharedMemory(1n << 20n)
  const log: string[] = []
  const open = async () => {
    log.push('open')
    const physical = [first, second].map((fn) => {
      const onEvent = (event: ServerEvent): void => {
        if (event.kind === 'reset-report') log.push(`${fn.address} ${event.cause} ${event.report.verdict}`)
      }
      return new PhysicalDevice(fn, { group, onEvent })
    })
    const close = async (): Promise<void> => {
      log.push('close')
      for (const device of physical) device[Symbol.dispose]()
    }
    return { devices: physical.map((device) => new WithFile(device, file.fd)), close }
  }
  const reopened = await ReopenedDevices.open(open, { group })
  const [one, two] = await Promise.all(
    reopened.devices.map((device) => greet(device, { gate: group.gate(device.name) })),
  )
  assert.ok(one !== undefined && two !== undefined)
  return {
    group,
    first,
    second,
    one,
    two,
    log,
    async [Symbol.asyncDispose]() {
      await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()])
      await reopened[Symbol.asyncDispose]()
      file[Symbol.dispose]()
    },
  }
}

async function takeFile({ client }: Talk): Promise<void> {
  for (const fd of (await client.ask(ask.regionInfo(0))).fds) closeSync(fd)
}

describe('devices of one group that are opened anew', () => {
  for (const [verdict, faults] of [
    ['lost', ['config-read-error', 'unmap-fails', 'detach-fails']],
    ['contained', ['config-read-error']],
  ] as const) {
    it(`are given to nobody beside one whose last verdict is ${verdict}, until that is found to be better`, async () => {
      await using served = await serveSiblings()
      const { group, second, one, two, log } = served
      using memory = new SharedMemory(page)
      await takeFile(one)
      for (const { client } of [one, two]) await client.errno(ask.map(iova, page), [memory.fd])
      assert.equal(await leave(one, one.client), undefined)
      await two.client.errno(ask.write(config, 4n, packed(u16(memoryAndMaster))))
      for (const fault of faults) second.faults.set(fault, fault === 'config-read-error' ? true : 'EIO')
      assert.match((await leave(two, two.client)) ?? '', new RegExp(`ended as ${verdict}`))
      assert.ok(!log.includes('close'), 'what is not quiet is not closed')

      assert.ok(await isRefused(one), log.join(', '))
      assert.ok(log.includes(`${second.address} handover ${verdict}`), log.join(', '))
      for (const fault of faults) second.faults.set(fault, false)
      await until(() => group.gate('a look').busy === undefined, 'the first is still seen to')
      const next = await comeIn(two)
      assert.ok(next, lastRefusal(two))
      next[Symbol.dispose]()
    })
  }

  it('are not given to the next VMM by one socket while the other is still seen to', async () => {
    await using served = await serveSiblings()
    const { first, one, two, log } = served
    await takeFile(two)
    assert.equal(await leave(two, two.client), undefined)
    first.faults.set('config-read-error', true)
    assert.notEqual(await leave(one, one.client), undefined)
    first.faults.set('config-read-error', false)
    const [atOne, atTwo] = await Promise.all([comeIn(one), comeIn(two)])
    assert.equal(atTwo, undefined, 'it would have met a device that the VMM before it can reach')
    assert.ok(atOne)
    assert.ok(log.includes('close'), log.join(', '))
    atOne[Symbol.dispose]()
  })
})

function lastRefusal({ events }: Talk): string {
  const event = events.findLast(({ kind }) => kind === 'turned-away' || kind === 'refused')
  return event !== undefined && 'reason' in event ? String(event.reason) : ''
}

/** Whether the next client is turned away, or thrown out before it can do anything. */
async function isRefused(talk: Talk): Promise<boolean> {
  const client = await comeIn(talk)
  client?.[Symbol.dispose]()
  return client === undefined
}
