// The whole way, when our server is killed: the kernel quiets the device, and memory is safe all the same.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accessesBetween } from './config-trace.js'
import type { KilledServer } from './guest/whole-way-killed-server.js'
import { nestedGuest } from './nested-guest.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

const commandOffset = 4
const busMaster = 4

describe('a device whose server ends by SIGKILL in the middle of a DMA', () => {
  it('is taken off the bus by the kernel once its client has ended too, and can be opened anew', async () => {
    const run = await runInVm({
      program: 'whole-way-killed-server',
      // Debian's lets nobody look at a BAR that a driver has (CONFIG_IO_STRICT_DEVMEM).
      kernel: 'iommufd',
      topology: topology(['edu-root']),
      ...(await nestedGuest()),
      timeoutMs: 900_000,
    })
    assert.equal(run.exitCode, 0, run.serial)
    const found = run.results[0] as KilledServer
    assert.equal(found.signal, 'SIGKILL')
    assert.equal(found.commandAfterClient & busMaster, 0)
    assert.equal(found.wasInFlight, true, 'nothing was in flight, so this shows nothing')
    assert.ok(found.landed > 0, 'nothing landed before either, so this shows nothing')
    assert.equal(found.intactLater, true, "data landed in memory that was somebody else's by then")
    assert.equal(found.commandOfNext & busMaster, 0)
    assert.equal(found.identificationOfNext, 0x010000ed)
    const commands = accessesBetween(run.configWrites, ...found.marks)
      .filter(({ device, kind, offset }) => device === 'edu-root' && kind === 'write' && offset === commandOffset)
      .map(({ value }) => value)
    assert.ok(commands.length > 0, 'nobody took Bus Master away')
    assert.equal((commands.at(-1) ?? busMaster) & busMaster, 0)
  })
})
