import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readBarBytes, readConfigBytes, writeBarBytes, writeConfigBytes } from '../../../src/kit/bus-bytes.js'
import { msi, msix, pciExpress, powerManagement } from '../../../src/kit/capabilities.js'
import type { ConfigDeclaration } from '../../../src/kit/config-declaration.js'
import type { DeviceSession } from '../../../src/kit/device-session.js'
import { PciDevice } from '../../../src/kit/pci-device.js'
import { configBytes } from '../../../src/pci/config-bytes.js'
import { decodeConfigSpace } from '../../../src/pci/decode-config-space.js'
import { headerOffset } from '../../../src/pci/header.js'
import { command, enable, FakeClient } from './fake-client.js'

const config: ConfigDeclaration = {
  vendorId: 0x1234,
  deviceId: 0x5678,
  revision: 1,
  classCode: 0xff0000,
  interruptPin: 1,
  bars: [
    { index: 0, kind: 'memory32', size: 0x1000, address: 0 },
    { index: 2, kind: 'memory64', size: 0x2000, address: 0 },
  ],
  capabilities: [
    powerManagement(false),
    msix({ vectors: 3, bar: 2, table: 0, pending: 0x1000 }),
    pciExpress({ flr: true }),
    msi({ vectors: 4 }),
  ],
  size: 4096,
}
const at = { pm: 0x40, msix: 0x48, pcie: 0x54, msi: 0x90 }

/** A device that keeps what is written to it, and whose sessions the test holds. */
function keeper(drainMs = 60_000) {
  const sessions: DeviceSession[] = []
  const accesses: string[] = []
  const device = new PciDevice({
    config,
    drainMs,
    model: (session) => {
      sessions.push(session)
      const kept = new Map<number, bigint>()
      return {
        read(bar, offset, width) {
          accesses.push(`read ${bar} ${offset} ${width}`)
          return kept.get(offset) ?? 0n
        },
        write(bar, offset, width, value) {
          accesses.push(`write ${bar} ${offset} ${width} ${value}`)
          kept.set(offset, value)
        },
      }
    },
  })
  const client = new FakeClient()
  device.connect(client)
  const session = (): DeviceSession => {
    const last = sessions.at(-1)
    assert.ok(last)
    return last
  }
  return { device, client, session, accesses }
}

describe('a device of the kit', () => {
  it('shows what it declares', () => {
    const { device } = keeper()
    const bytes = new Uint8Array(device.configSize)
    readConfigBytes(device, 0, bytes)
    const decoded = decodeConfigSpace(configBytes(bytes))
    assert.deepEqual(
      decoded.capabilities.entries.map(({ name }) => name),
      ['Power Management', 'MSI-X', 'PCI Express', 'MSI'],
    )
    assert.deepEqual(device.vectors, { intx: 1, msi: 4, msix: 3 })
    assert.deepEqual(device.barSizes, [0x1000, 0, 0x2000, 0, 0, 0])
  })

  it('sizes its BARs as PCI asks', () => {
    const { device } = keeper()
    for (const offset of [headerOffset.bar0, headerOffset.bar2, headerOffset.bar3]) {
      device.writeConfig(offset, 4, 0xffff_ffff)
    }
    assert.equal(device.readConfig(headerOffset.bar0, 4), 0xffff_f000)
    assert.equal(device.readConfig(headerOffset.bar2, 4), 0xffff_e004)
    assert.equal(device.readConfig(headerOffset.bar3, 4), 0xffff_ffff)
  })

  it('answers all ones from a BAR that it does not decode', () => {
    const { device, accesses } = keeper()
    assert.equal(device.readBar(0, 0, 4), 0xffff_ffffn)
    device.writeBar(0, 0, 4, 7n)
    assert.deepEqual(accesses, [])
    enable(device)
    assert.equal(device.readBar(0, 0, 4), 0n)
  })

  it('carries any run of bytes in naturally aligned accesses', () => {
    const { device, accesses } = keeper()
    enable(device)
    writeBarBytes(device, 0, 1, new Uint8Array(15).fill(1))
    const into = new Uint8Array(3)
    readBarBytes(device, 0, 8, into)
    assert.deepEqual(
      accesses.map((access) => access.split(' ').slice(0, 4).join(' ')),
      ['write 0 1 1', 'write 0 2 2', 'write 0 4 4', 'write 0 8 8', 'read 0 8 2', 'read 0 10 1'],
    )
    assert.deepEqual([...into], [1, 1, 0])
  })

  it('writes config space by bytes as by dwords', () => {
    const { device } = keeper()
    writeConfigBytes(device, headerOffset.command, new Uint8Array([command.memory]))
    assert.equal(device.readConfig(headerOffset.command, 2), command.memory)
  })

  it('is as new after a reset, config space included', async () => {
    const { device } = keeper()
    enable(device)
    device.writeBar(0, 8, 4, 5n)
    await device.reset()
    assert.equal(device.readConfig(headerOffset.command, 2), 0)
    enable(device)
    assert.equal(device.readBar(0, 8, 4), 0n)
  })

  it('takes a Function Level Reset, by a whole dword or by the byte with the bit', () => {
    for (const [offset, width, value] of [
      [at.pcie + 8, 2, 0x8000],
      [at.pcie + 9, 1, 0x80],
    ] as const) {
      const { device, session } = keeper()
      enable(device)
      const before = session()
      device.writeConfig(offset, width, value)
      assert.ok(before.isOver)
      assert.equal(device.readConfig(headerOffset.command, 2), 0)
    }
  })

  it('resets on its way from D3hot to D0, and not the other way', () => {
    const { device, session } = keeper()
    enable(device)
    const before = session()
    device.writeConfig(at.pm + 4, 2, 3)
    assert.ok(!before.isOver)
    assert.ok(!before.mayMaster)
    assert.equal(device.readBar(0, 0, 4), 0xffff_ffffn)
    device.writeConfig(at.pm + 4, 2, 0)
    assert.ok(before.isOver)
  })

  it('has no power states but D0 and D3hot', () => {
    const { device } = keeper()
    device.writeConfig(at.pm + 4, 2, 2)
    assert.equal(device.readConfig(at.pm + 4, 2) & 3, 0)
  })
})

describe('interrupts of a device of the kit', () => {
  it('go out as whatever is enabled', () => {
    const { device, client, session } = keeper()
    enable(device)
    session().raise(2)
    device.writeConfig(at.msi + 2, 2, 1 | (1 << 4))
    session().raise(3)
    device.writeConfig(at.msix + 2, 2, 0x8000)
    session().raise(2)
    session().raise(3)
    assert.deepEqual(client.signals, ['intx 0', 'msi 1', 'msix 2'], 'there is no vector 3 of MSI-X')
  })

  it('as messages need Bus Master', () => {
    const { device, client, session } = keeper()
    device.writeConfig(at.msix + 2, 2, 0x8000)
    session().raise(0)
    assert.deepEqual(client.signals, [])
  })

  it('wait for a client that takes its vectors away for a moment, and show as pending', () => {
    const { device, client, session } = keeper()
    enable(device)
    device.writeConfig(at.msix + 2, 2, 0x8000)
    client.takesInterrupts = false
    session().raise(1)
    session().raise(1)
    assert.equal(device.readBar(2, 0x1000, 8), 2n)
    client.takesInterrupts = true
    device.interruptsChanged()
    assert.deepEqual(client.signals, ['msix 1'])
    assert.equal(device.readBar(2, 0x1000, 8), 0n)
  })

  it('INTx is a level: it is seen again until it is taken back', () => {
    const { device, client, session } = keeper()
    enable(device)
    session().raise(0)
    assert.equal(device.readConfig(headerOffset.status, 2) & 8, 8)
    device.interruptsChanged()
    session().lowerIntx()
    device.interruptsChanged()
    assert.deepEqual(client.signals, ['intx 0', 'intx 0'])
    assert.equal(device.readConfig(headerOffset.status, 2) & 8, 0)
  })

  it('INTx Disable holds INTx back until it is cleared', () => {
    const { device, client, session } = keeper()
    device.writeConfig(headerOffset.command, 2, command.intxDisable)
    session().raise(0)
    assert.deepEqual(client.signals, [])
    device.writeConfig(headerOffset.command, 2, 0)
    assert.deepEqual(client.signals, ['intx 0'])
  })

  it("the MSI-X table is kept, masked after a reset, and never the model's", async () => {
    const { device, accesses } = keeper()
    enable(device)
    assert.equal(device.readBar(2, 12, 4), 1n)
    device.writeBar(2, 16, 8, 0x1122_3344_5566_7788n)
    assert.equal(device.readBar(2, 20, 4), 0x1122_3344n)
    await device.reset()
    enable(device)
    assert.equal(device.readBar(2, 20, 4), 0n)
    assert.deepEqual(accesses, [])
  })
})

describe('DMA of a device of the kit', () => {
  it('reaches what is mapped, and nothing around it', async () => {
    const { device, client, session } = keeper()
    enable(device)
    const memory = client.memory.map(0x1000n, 0x1000)
    const { dma } = session()
    assert.equal(await dma.write(0x1ffcn, new Uint8Array([1, 2, 3, 4])), true)
    assert.deepEqual([...memory.subarray(-4)], [1, 2, 3, 4])
    assert.deepEqual(client.memory.dirty, [{ address: 0x1ffcn, size: 4 }])
    for (const address of [0xfffn, 0x1ffdn, 0x2000n, -1n, (1n << 64n) - 2n]) {
      assert.equal(await dma.write(address, new Uint8Array(4)), false, `0x${address.toString(16)}`)
      assert.equal(await dma.read(address, 4), undefined)
    }
  })

  it('respects what the client allows', async () => {
    const { device, client, session } = keeper()
    enable(device)
    client.memory.map(0x1000n, 0x1000, 'read')
    assert.equal(await session().dma.write(0x1000n, new Uint8Array(4)), false)
    assert.ok(await session().dma.read(0x1000n, 4))
  })

  it('needs Bus Master and D0', async () => {
    const { device, client, session } = keeper()
    client.memory.map(0x1000n, 0x1000)
    device.writeConfig(headerOffset.command, 2, command.memory)
    assert.equal(await session().dma.read(0x1000n, 4), undefined)
    enable(device)
    device.writeConfig(at.pm + 4, 2, 3)
    assert.equal(session().dma.view(0x1000n, 4, 'read'), undefined)
  })

  it('goes by messages where memory is not shared, and shows them as pending', async () => {
    const { device, client, session } = keeper()
    enable(device)
    const memory = client.memory.map(0n, 0x40000, 'read-write', false)
    memory.fill(7)
    client.memory.hold()
    const reading = session().dma.read(0n, 0x18000)
    assert.equal(device.readConfig(at.pcie + 0x0a, 2) & 0x20, 0x20)
    client.memory.answer()
    assert.deepEqual(await reading, new Uint8Array(0x18000).fill(7))
    assert.equal(device.readConfig(at.pcie + 0x0a, 2) & 0x20, 0)
    assert.ok(client.memory.messages > 1, 'a long transfer is several messages')
  })

  it('of before a reset does nothing after it', async () => {
    const { device, client, session } = keeper()
    enable(device)
    const memory = client.memory.map(0n, 0x1000)
    const { dma } = session()
    const before = session()
    await device.reset()
    enable(device)
    assert.equal(await dma.write(0n, new Uint8Array(4).fill(9)), false)
    before.raise(0)
    assert.deepEqual([...memory.subarray(0, 4)], [0, 0, 0, 0])
    assert.deepEqual(client.signals, [])
  })

  it('a reset stops a long transfer between two messages, and waits for the one under way', async () => {
    const { device, client, session } = keeper()
    enable(device)
    const memory = client.memory.map(0n, 0x40000, 'read-write', false)
    client.memory.hold()
    const writing = session().dma.write(0n, new Uint8Array(0x40000).fill(1))
    let isReset = false
    const reset = device.reset().then(() => {
      isReset = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(!isReset)
    client.memory.answer()
    await reset
    assert.equal(await writing, false)
    assert.equal(client.memory.messages, 1)
    assert.equal(memory.at(-1), 0)
  })

  it('a reset waits no longer than it was told for a client that answers nothing', async () => {
    const { device, client, session } = keeper(20)
    enable(device)
    client.memory.map(0n, 0x1000, 'read-write', false)
    client.memory.hold()
    const writing = session().dma.write(0n, new Uint8Array(4))
    await device.reset()
    client.memory.answer()
    assert.equal(await writing, false)
  })

  it('is over for a part of the device that is ended by itself', async () => {
    const { device, client, session } = keeper()
    enable(device)
    client.memory.map(0n, 0x1000)
    const part = session().open()
    assert.ok(await part.dma.read(0n, 4))
    await part.end()
    assert.equal(await part.dma.read(0n, 4), undefined)
    assert.ok(await session().dma.read(0n, 4))
    const other = session().open()
    await device.reset()
    assert.ok(other.isOver && other.signal.aborted)
  })

  it('ends with the client', async () => {
    const { device, client, session } = keeper()
    enable(device)
    const memory = client.memory.map(0n, 0x1000)
    const { dma } = session()
    await device.disconnect()
    enable(device)
    assert.equal(await dma.write(0n, new Uint8Array(4).fill(1)), false)
    assert.equal(await session().dma.write(0n, new Uint8Array(4).fill(1)), false)
    assert.equal(memory[0], 0)
  })
})
