import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  assertComesBack,
  client,
  packed,
  payloadOf,
  raw,
  reasonOf,
  receive,
  replyFlag,
  server,
  terms,
  u32,
  u64,
} from './wire.js'

const end = 1n << 64n

interface Map {
  readonly argsz?: number
  readonly flags?: number
  readonly offset?: number | bigint
  readonly address?: number | bigint
  readonly size?: number | bigint
}

function dmaMap({ argsz = 32, flags = 3, offset = 0, address = 0x1000, size = 0x1000 }: Map = {}): Uint8Array {
  return raw({ command: 2, payload: packed(u32(argsz), u32(flags), u64(offset), u64(address), u64(size)) })
}

interface Unmap {
  readonly argsz?: number
  readonly flags?: number
  readonly address?: number | bigint
  readonly size?: number | bigint
  readonly more?: readonly number[]
  readonly reply?: boolean
}

function dmaUnmap({ argsz = 24, flags = 0, address = 0x1000, size = 0x1000, more = [], reply = false }: Unmap = {}) {
  const payload = [...packed(u32(argsz), u32(flags), u64(address), u64(size)), ...more]
  return raw({ command: 3, flags: reply ? replyFlag : 0, payload })
}

describe('DMA_MAP', () => {
  it('names a range of memory and how it may be reached', () => {
    assert.deepEqual(payloadOf(dmaMap()), { argsz: 32, flags: 3, offset: 0n, address: 0x1000n, size: 0x1000n })
  })

  it('takes one descriptor, and leaves others to be closed', () => {
    const outcome = receive(dmaMap(), server, 3)
    assert.equal(outcome.kind === 'request' && outcome.fds, 1)
  })

  it('is refused with a payload that is cut short', () => {
    assert.equal(reasonOf(raw({ command: 2, payload: packed(u32(32), u32(3), u64(0), u64(0), u32(0)) })), 'length')
  })

  it('is refused with an argsz below its struct', () => {
    assert.equal(reasonOf(dmaMap({ argsz: 31 })), 'argsz')
  })

  it('is refused with a flag that is not defined', () => {
    assert.equal(reasonOf(dmaMap({ flags: 0x13 })), 'flags')
  })

  for (const flags of [4, 8]) {
    it(`is refused with flag ${flags}, which names a file, and no file`, () => {
      assert.equal(reasonOf(dmaMap({ flags })), 'fds')
    })
  }

  it('is refused with nothing in it', () => {
    assert.equal(reasonOf(dmaMap({ size: 0 })), 'range')
  })

  it('is refused if it runs beyond 64 bits', () => {
    assert.equal(reasonOf(dmaMap({ address: end - 0x1000n, size: 0x1001 })), 'range')
  })

  it('may end at the end of 64 bits', () => {
    assert.equal(receive(dmaMap({ address: end - 0x1000n })).kind, 'request')
  })

  it('is refused if it runs beyond 64 bits of its file', () => {
    assert.equal(reasonOf(dmaMap({ offset: end - 1n })), 'range')
  })
})

describe('DMA_UNMAP', () => {
  const bitmap = (size: number | bigint) => packed(u64(4096), u64(size))

  it('may come with a descriptor, as SPDK sends it, and has no use for it', () => {
    const outcome = receive(dmaUnmap(), server, 1)
    assert.equal(outcome.kind === 'request' && outcome.fds, 0)
  })

  it('may span almost all of 64 bits', () => {
    assert.equal(receive(dmaUnmap({ address: 0, size: end - 1n })).kind, 'request')
  })

  it('is refused if it runs beyond 64 bits', () => {
    assert.equal(reasonOf(dmaUnmap({ address: 2, size: end - 1n })), 'range')
  })

  it('is refused with an argsz below its struct', () => {
    assert.equal(reasonOf(dmaUnmap({ argsz: 23 })), 'argsz')
  })

  it('is refused with an argsz beyond what one message may carry', () => {
    assert.equal(reasonOf(dmaUnmap({ argsz: terms.maxDataTransfer + 1 })), 'argsz')
  })

  it('is refused with a flag that is not defined', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 4 })), 'flags')
  })

  it('is refused if it wants everything, and a bitmap', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 3, address: 0, size: 0 })), 'flags')
  })

  it('takes everything without a range', () => {
    assert.equal(receive(dmaUnmap({ flags: 2, address: 0, size: 0 })).kind, 'request')
  })

  it('is refused if it wants everything, and names a range', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 2, address: 0 })), 'range')
    assert.equal(reasonOf(dmaUnmap({ flags: 2, size: 0 })), 'range')
  })

  it('says what bitmap it wants', () => {
    const payload = payloadOf(dmaUnmap({ flags: 1, argsz: 48, more: bitmap(8) }))
    assert.deepEqual((payload as { bitmap?: object }).bitmap, { pgsize: 4096n, size: 8n })
  })

  it('is refused if it wants a bitmap and does not say which', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 1, argsz: 48, more: packed(u64(4096)) })), 'length')
  })

  it('is refused if its argsz has no room for the bitmap', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 1, argsz: 47, more: bitmap(8) })), 'argsz')
  })

  it('is refused with a bitmap whose size would wrap', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 1, argsz: 48, more: bitmap(end - 8n) })), 'argsz')
  })

  it('is answered with the bitmap', () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const payload = { argsz: 48, flags: 1, address: 0n, size: 0x8000n, bitmap: { pgsize: 4096n, size: 8n, data } }
    assertComesBack({ kind: 'reply', id: 1, command: 'DMA_UNMAP', fds: 0, payload }, client)
  })

  it('is refused as a reply whose bitmap is not there', () => {
    assert.equal(reasonOf(dmaUnmap({ flags: 1, reply: true, more: bitmap(8) }), client), 'length')
  })
})

describe('DMA_READ and DMA_WRITE', () => {
  const access = (address: number | bigint, count: number | bigint) => packed(u64(address), u64(count))

  it('are for the client, with 64 bits of count', () => {
    assert.deepEqual(payloadOf(raw({ command: 11, payload: access(0x5000, 16) }), client), {
      address: 0x5000n,
      count: 16n,
    })
  })

  it('are refused beyond what one message may carry', () => {
    assert.equal(reasonOf(raw({ command: 11, payload: access(0, terms.maxDataTransfer + 1) }), client), 'count')
    assert.equal(reasonOf(raw({ command: 12, payload: access(0, end - 1n) }), client), 'count')
  })

  it('are refused if they run beyond 64 bits', () => {
    assert.equal(reasonOf(raw({ command: 11, payload: access(end - 8n, 16) }), client), 'range')
  })

  it('are refused with data of another length', () => {
    assert.equal(reasonOf(raw({ command: 12, payload: [...access(0, 4), 1, 2, 3] }), client), 'length')
    assert.equal(reasonOf(raw({ command: 11, flags: replyFlag, payload: [...access(0, 4), 1, 2, 3] })), 'length')
  })

  it('have their data where it is read from', () => {
    const data = Uint8Array.of(9, 8, 7)
    const payload = { address: 0x1000n, count: 3n, data }
    assertComesBack({ kind: 'reply', id: 2, command: 'DMA_READ', fds: 0, payload }, server)
    assertComesBack({ kind: 'request', id: 2, command: 'DMA_WRITE', noReply: false, fds: 0, payload }, client)
  })
})
