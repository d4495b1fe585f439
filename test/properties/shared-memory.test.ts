// Memory of several clients in one address space: after any sequence of maps and unmaps, with containments in between, the
// IOMMU holds the union of what the clients hold, and nothing else.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SharedMemoryDomain } from '../../src/vfio-user/server/shared-memory-domain.js'
import { RecordingDmaSpace } from '../unit/device/recording-dma-space.js'
import { ClientFile, type GivenMapping, type Piece, page, viewOf } from '../vfio-user/client-memory-pieces.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 1_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

const clients = 3

type Act =
  | { readonly do: 'map'; readonly client: number; readonly file: number; readonly piece: Piece }
  | { readonly do: 'unmap'; readonly client: number; readonly which: number }
  | { readonly do: 'cut off' | 'readmit'; readonly client: number }

const client = fc.nat(clients - 1)
const pages = (max: number): fc.Arbitrary<bigint> => fc.bigInt(1n, BigInt(max)).map((count) => count * page)
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('map' as const),
      client,
      file: fc.nat(1),
      piece: fc.record({ address: pages(6), size: pages(2), access: fc.constantFrom('read', 'read-write' as const) }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('unmap' as const), client, which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('cut off' as const, 'readmit' as const), client }) },
)

interface Held {
  readonly key: string
  readonly piece: Piece
  readonly given: GivenMapping
}

const overlap = (a: Piece, b: Piece): boolean => a.address < b.address + b.size && b.address < a.address + a.size
const keyOf = (file: number, { address, size, access }: Piece): string => `${file} ${address} ${size} ${access}`

describe('memory that clients share', () => {
  it('is in the IOMMU what they hold, together', async () => {
    using one = new ClientFile(4n * page)
    using two = new ClientFile(4n * page)
    const files = [one, two]
    const seen = { shared: 0, refused: 0, contained: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const space = new RecordingDmaSpace()
        const views = Array.from({ length: clients }, () => viewOf(space))
        const domain = new SharedMemoryDomain({ patienceMs: 0 })
        const held = views.map(() => [] as Held[])
        const contained = new Set<number>()
        for (const each of acts) {
          const view = views[each.client]
          const own = held[each.client]
          assert.ok(view !== undefined && own !== undefined)
          if (each.do === 'map') {
            // A server refuses this before.
            if (own.some(({ piece }) => overlap(piece, each.piece))) continue
            const key = keyOf(each.file, each.piece)
            const there = held.flat().filter(({ piece }) => overlap(piece, each.piece))
            const given = files[each.file]?.give(each.piece)
            assert.ok(given)
            if (there.every((other) => other.key === key)) {
              if (there.length > 0) seen.shared++
              await domain.map(view, given)
              own.push({ key, piece: each.piece, given })
            } else {
              seen.refused++
              await assert.rejects(async () => domain.map(view, given), { errnoName: 'EEXIST' })
              given[Symbol.dispose]()
            }
          } else if (each.do === 'unmap') {
            const [gone] = own.splice(each.which, 1)
            if (gone === undefined) continue
            domain.unmap(gone.given)
            gone.given[Symbol.dispose]()
          } else if (each.do === 'cut off') {
            space.loseAll()
            domain.cutOff(view)
            contained.add(each.client)
            seen.contained++
          } else {
            contained.delete(each.client)
            domain.readmit(view)
          }
          const wanted = contained.size > 0 ? [] : held.flat()
          assert.deepEqual(
            [...space.held].map(({ iova, size, access }) => `${iova} ${size} ${access}`).sort(),
            [...new Set(wanted.map(({ piece }) => `${piece.address} ${piece.size} ${piece.access}`))].sort(),
          )
        }
        for (const { given } of held.flat()) given[Symbol.dispose]()
      }),
      { numRuns: runs, seed },
    )
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `nothing was ${what}`)
  })
})
