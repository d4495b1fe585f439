import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { capabilityId } from '../../../src/pci/capability-ids.js'
import { findCapability } from '../../../src/pci/capability-walk.js'
import { findKnownDevice, knownDevices } from '../../../src/reset/known-devices.js'
import { defaultPolicy } from '../../../src/reset/policy.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { inUse } from './in-use.js'

const configOf = (vendor: number, device: number, classCode = 0x0200) => {
  const dwords = new Map([
    [0x00, (device * 0x1_0000 + vendor) >>> 0],
    [0x08, (classCode * 0x1_0000) >>> 0],
  ])
  return { size: 256, read: (offset: number) => dwords.get(offset) ?? 0, write: () => {} }
}

describe('the policy', () => {
  it('quiesces first unless told otherwise', async () => {
    using fn = inUse('wedges')
    const report = await resetFunction(fn)
    assert.equal(report.policy.order, 'quiesce-first')
    // It wedges when Bus Master is cleared; the reset cures it.
    assert.equal(report.verdict, 'clean')
  })

  it('reset-first does not clear Bus Master under a DMA, and clears what the kernel restores', async () => {
    using fn = inUse('wedges')
    const start = fn.ledger.of('command').length
    const report = await resetFunction(fn, { policy: { order: 'reset-first' } })
    assert.equal(report.verdict, 'clean')
    const changes = fn.ledger.of('command').slice(start)
    const reset = changes.findIndex(({ by }) => by === 'reset')
    assert.ok(reset > 0 && changes.slice(0, reset).every(({ by }) => by === 'kernel'), 'cleared by us before the reset')
    assert.equal(fn.hardware.busMaster, false)
    assert.ok(report.steps.some(({ what }) => what === 'clear Command again'))
  })

  it('a device that wedges and has no reset is quiesced, never clean', async () => {
    using fn = inUse('wedges-no-reset')
    const report = await resetFunction(fn)
    assert.equal(report.verdict, 'quiesced')
    assert.equal(fn.hardware.isWedged, true)
  })

  it('requireReset makes only clean reusable', async () => {
    using loose = inUse('no-reset')
    using strict = inUse('no-reset')
    assert.equal((await resetFunction(loose)).reusable, true)
    assert.equal((await resetFunction(strict, { policy: { requireReset: true } })).reusable, false)
  })

  it('park leaves a device that was only quiesced in D3hot', async () => {
    using fn = inUse('no-reset')
    const report = await resetFunction(fn, { policy: { park: true } })
    assert.equal(report.verdict, 'quiesced')
    assert.equal(report.verified.powerState, 'D3hot')
    assert.equal(fn.hardware.powerState, 3)
  })

  it('with no method at all only quiesces', async () => {
    using fn = inUse('flr')
    const report = await resetFunction(fn, { policy: { methods: [] } })
    assert.deepEqual([report.verdict, report.attempts], ['quiesced', []])
  })

  it('waits for pending transactions no longer than it may', async () => {
    using fn = inUse('pending')
    const report = await resetFunction(fn, { policy: { methods: [], drainTimeoutMs: 40 } })
    assert.equal(report.pending, 'timeout')
    assert.ok(report.totalMs >= 40 && report.totalMs < 60, `${report.totalMs} ms`)
  })

  it('says lost where neither the device nor the IOMMU obeys', async () => {
    using fn = inUse('lost')
    const report = await resetFunction(fn)
    assert.deepEqual([report.verdict, report.contained, report.reusable], ['lost', false, false])
  })

  it('a report names the known device that shaped it', () => {
    const chelsio = findKnownDevice(configOf(0x1425, 0x4401))
    assert.equal(chelsio?.policy.order, 'reset-first')
    assert.equal(findKnownDevice(configOf(0x1425, 0x5401)), undefined)
    const gpu = findKnownDevice(configOf(0x1002, 0x67df, 0x0300))
    assert.deepEqual(gpu?.policy.methods, ['vfio', 'hot'])
    assert.equal(findKnownDevice(configOf(0x1002, 0xaaf0, 0x0403)), undefined)
  })

  it('every known device has a reason, a source, and changes something', () => {
    for (const { name, reason, source, policy } of knownDevices) {
      assert.ok(reason.length > 10 && source.length > 10, name)
      const changed = Object.entries(policy).some(
        ([key, value]) => JSON.stringify(value) !== JSON.stringify(defaultPolicy[key as keyof typeof defaultPolicy]),
      )
      assert.ok(changed, `${name} changes nothing`)
    }
  })

  it('reset-first takes the BARs away from the guest even where the reset never returns', async () => {
    using fn = inUse('never-returns')
    let withdrawn = 0
    const report = await resetFunction(fn, {
      policy: { order: 'reset-first', methodTimeoutMs: 100 },
      withdrawBars: () => {
        withdrawn++
      },
    })
    assert.deepEqual([report.verdict, withdrawn], ['contained', 1])
  })

  it('counts the time to quiet of a device that was asleep from the last time it went quiet', async () => {
    using fn = inUse('pm-kernel')
    const pm = findCapability(fn.config, capabilityId.pm)
    assert.ok(pm !== undefined)
    fn.config.write(pm + 4, 2, 3)
    const start = fn.clock.now()
    const report = await resetFunction(fn, { policy: { methods: [] } })
    const cleared = fn.ledger.of('command').findLast(({ after, before }) => (before & ~after & 4) !== 0)
    assert.ok(cleared && report.timeToQuietUs !== null)
    assert.ok(report.timeToQuietUs >= cleared.at - start, `${report.timeToQuietUs} us`)
  })

  it('keeps what was read back last where a reset never returns', async () => {
    using fn = inUse('never-returns')
    const report = await resetFunction(fn, { policy: { methodTimeoutMs: 100 } })
    assert.deepEqual([report.command.after, report.command.verified], ['0x0000', true])
    assert.equal(report.verified.quiet, false)
  })
})
