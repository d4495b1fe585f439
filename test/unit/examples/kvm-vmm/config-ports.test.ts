import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AddressTraps } from '../../../../examples/kvm-vmm/address-traps.js'
import { ConfigPorts, configPorts } from '../../../../examples/kvm-vmm/config-ports.js'

function machine() {
  const log: string[] = []
  const ports = new ConfigPorts()
  ports.slots.set(3, {
    readConfig: (offset, width) => {
      log.push(`read ${offset.toString(16)}/${width}`)
      return 0x4433_2211
    },
    writeConfig: (offset, width, value) => {
      log.push(`write ${offset.toString(16)}/${width} 0x${value.toString(16)}`)
    },
  })
  const traps = new AddressTraps()
  traps.add('port', configPorts.first, configPorts.size, ports)
  const read = (port: number, length: number) => {
    const bytes = new Uint8Array(length)
    traps.read('port', BigInt(port), bytes)
    return Buffer.from(bytes).toString('hex')
  }
  const write = (port: number, ...bytes: number[]) => traps.write('port', BigInt(port), Uint8Array.from(bytes))
  return { log, read, write, traps }
}

describe('the ports of configuration space', () => {
  it('the address selects the device and the dword, the data port the byte', () => {
    const { log, read, write } = machine()
    write(0xcf8, 0x10, 3 << 3, 0, 0x80)
    assert.equal(read(0xcfc, 4), '11223344')
    assert.equal(read(0xcfe, 2), '1122')
    write(0xcfd, 0xab)
    write(0xcfc, 0xff, 0xff, 0xff, 0xff)
    assert.deepEqual(log, ['read 10/4', 'read 12/2', 'write 11/1 0xab', 'write 10/4 0xffffffff'])
    assert.equal(read(0xcf8, 4), '10180080')
  })

  it('an empty slot, another bus, another function and a missing enable bit read as all ones', () => {
    const { log, read, write } = machine()
    const selections: readonly (readonly [number, number, number, number])[] = [
      [0, 4 << 3, 0, 0x80],
      [0, 3 << 3, 1, 0x80],
      [0, (3 << 3) | 1, 0, 0x80],
      [0, 3 << 3, 0, 0],
    ]
    for (const selection of selections) {
      write(0xcf8, ...selection)
      assert.equal(read(0xcfc, 4), 'ffffffff')
      write(0xcfc, 1, 2, 3, 4)
    }
    assert.deepEqual(log, [])
  })

  it('only a write of all four bytes changes the address', () => {
    const { read, write } = machine()
    write(0xcf8, 0x10, 3 << 3, 0, 0x80)
    write(0xcf8, 0x44)
    write(0xcfa, 0x44, 0x44)
    assert.equal(read(0xcf8, 4), '10180080')
  })
})

describe('trapped addresses', () => {
  it('an access that nobody answers reads as all ones, and so does one that reaches over the end', () => {
    const { read } = machine()
    assert.equal(read(0xcf7, 1), 'ff')
    assert.equal(read(0xcff, 2), 'ffff')
  })

  it('what is given back answers no more', () => {
    const traps = new AddressTraps()
    const held = traps.add('memory', 0x1000n, 0x1000n, { read: (_, into) => into.fill(7), write: () => {} })
    const bytes = new Uint8Array(2)
    traps.read('memory', 0x1ffen, bytes)
    assert.deepEqual([...bytes], [7, 7])
    held[Symbol.dispose]()
    traps.read('memory', 0x1ffen, bytes)
    assert.deepEqual([...bytes], [0xff, 0xff])
  })
})
