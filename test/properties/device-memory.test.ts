// Guest memory in the IOMMU: after any sequence of changes, with an address space that fails now and then, it holds what an
// independent model says; and at no moment in between is memory missing that stays.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MemoryKeeper, type MemoryProblem } from '../../src/device/memory/memory-keeper.js'
import type { GuestMemoryRange } from '../../src/device/vmm.js'
import type { DmaMapping } from '../../src/function/dma.js'
import { enableBar0, openModel } from '../unit/device/device-fixture.js'
import { page, pageOf, RecordingDmaSpace } from '../unit/device/recording-dma-space.js'
import { ChangingMemory, RecordingVmm } from '../unit/device/recording-vmm.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 1_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

const slots = 8
const slotPages = 2

/** What is in a slot: nothing, or the version of a file. */
type Slot = 0 | 1 | 2

interface Change {
  readonly wanted: readonly Slot[]
  /** Slots of which mapping or unmapping fails in this change. */
  readonly mapFails: readonly number[]
  readonly unmapFails: readonly number[]
}

const change: fc.Arbitrary<Change> = fc.record({
  wanted: fc.array(fc.constantFrom<Slot[]>(0, 1, 1, 2), { minLength: slots, maxLength: slots }),
  mapFails: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(fc.nat(slots - 1), { maxLength: 3 })),
  unmapFails: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(fc.nat(slots - 1), { maxLength: 2 })),
})

/** Slot `i` with a page between it and the next, so that nothing is one memory with its neighbour. */
function slotRange(i: number, version: Slot): GuestMemoryRange {
  const guestAddress = BigInt(i * (slotPages + 1)) * page
  return { guestAddress, size: BigInt(slotPages) * page, access: 'read-write', backing: { fd: version, offset: 0n } }
}

function rangesOf(wanted: readonly Slot[]): GuestMemoryRange[] {
  return wanted.flatMap((version, i) => (version === 0 ? [] : [slotRange(i, version)]))
}

function slotsOf(space: RecordingDmaSpace): Slot[] {
  const found = Array<Slot>(slots).fill(0)
  for (const { iova, backing } of space.held) {
    if ('fd' in backing) found[Number(iova / page) / (slotPages + 1)] = backing.fd as Slot
  }
  return found
}

function refuse(space: RecordingDmaSpace, { mapFails, unmapFails }: Change): void {
  const addresses = (failing: readonly number[]): Set<string> =>
    new Set(failing.map((i) => `0x${slotRange(i, 1).guestAddress.toString(16)}`))
  const maps = addresses(mapFails)
  const unmaps = addresses(unmapFails)
  space.refuse = (line) => {
    const [what, address = ''] = line.split(' ')
    return (what === 'map' ? maps : unmaps).has(address)
  }
}

/** What is mapped after a change, and whether that is what was asked for. */
function model(mapped: readonly Slot[], { wanted, mapFails, unmapFails }: Change): { mapped: Slot[]; inStep: boolean } {
  const after = mapped.map((version, i): Slot => {
    const goes = version !== 0 && version !== wanted[i]
    return goes && !unmapFails.includes(i) ? 0 : version
  })
  if (after.some((version, i) => version !== 0 && version !== wanted[i])) return { mapped: after, inStep: false }
  const added = wanted.flatMap((version, i) => (version !== 0 && after[i] === 0 ? [i] : []))
  const first = added.find((i) => mapFails.includes(i))
  // All or none of them, but for what then cannot be unmapped.
  const stays = first === undefined ? added : added.filter((i) => i < first && unmapFails.includes(i))
  for (const i of stays) after[i] = wanted[i] ?? 0
  return { mapped: after, inStep: first === undefined }
}

function keep(space: RecordingDmaSpace, memory: ChangingMemory) {
  const problems: MemoryProblem[] = []
  const member = {
    address: 'a device',
    dma: space,
    peerToPeer: false,
    isContained: () => false,
    outOfStep: (problem: MemoryProblem) => problems.push(problem),
  }
  return { keeper: MemoryKeeper.join(memory, member), member, problems }
}

describe('the memory of a guest in the IOMMU', () => {
  it('is what the model says, and what stays is never missing', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const space = new RecordingDmaSpace()
        const memory = new ChangingMemory()
        const { keeper, member, problems } = keep(space, memory)
        let mapped = Array<Slot>(slots).fill(0)
        for (const each of changes) {
          const before = mapped
          space.changed = () => {
            const now = slotsOf(space)
            for (const [i, version] of before.entries()) {
              if (version !== 0 && version === each.wanted[i]) assert.equal(now[i], version, `slot ${i} is missing`)
            }
          }
          refuse(space, each)
          problems.length = 0
          memory.change(rangesOf(each.wanted))
          const expected = model(before, each)
          mapped = slotsOf(space)
          assert.deepEqual(mapped, expected.mapped)
          assert.equal(problems.length === 0, expected.inStep)
        }
        space.changed = () => {}
        space.refuse = () => false
        keeper.leave(member)
        assert.equal(space.held.size, 0)
      }),
      { numRuns: runs, seed },
    )
  })

  it('is joined within a limit, and no mapping that lies in what stays is touched', () => {
    const pages = 12
    const layout = fc.array(fc.record({ version: fc.constantFrom(0, 1, 1, 1, 2), cut: fc.boolean() }), {
      minLength: pages,
      maxLength: pages,
    })
    const announce = (each: readonly { version: number; cut: boolean }[]): GuestMemoryRange[] => {
      const ranges: GuestMemoryRange[] = []
      for (const [i, { version, cut }] of each.entries()) {
        const last = ranges.at(-1)
        if (version === 0) continue
        const guestAddress = BigInt(i) * page
        if (!cut && last !== undefined && each[i - 1]?.version === version) {
          ranges[ranges.length - 1] = { ...last, size: last.size + page }
        } else {
          ranges.push({ guestAddress, size: page, access: 'read', backing: { fd: version, offset: guestAddress } })
        }
      }
      return ranges
    }
    const shown = (ranges: readonly GuestMemoryRange[]): Map<bigint, string> => {
      const found = new Map<bigint, string>()
      for (const { guestAddress, size, backing, access } of ranges) {
        for (let at = 0n; at < size; at += page) found.set(guestAddress + at, pageOf(backing, at, access))
      }
      return found
    }
    let joined = 0
    fc.assert(
      fc.property(
        fc.array(layout, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 2, max: 8 }),
        (layouts, limit) => {
          const space = new RecordingDmaSpace({ limit })
          const memory = new ChangingMemory()
          const { problems } = keep(space, memory)
          for (const each of layouts) {
            const ranges = announce(each)
            const wanted = shown(ranges)
            const stays = ({ iova, size, access }: DmaMapping, backing: GuestMemoryRange['backing']): boolean =>
              [...shown([{ guestAddress: iova, size, access, backing }])].every(([at, what]) => wanted.get(at) === what)
            const untouched = [...space.held].filter((held) => stays(held, held.backing))
            const isEmpty = space.held.size === 0
            space.changed = () => {
              assert.ok(space.held.size <= limit)
              for (const held of untouched) assert.ok(space.held.has(held), 'a mapping of what stays was touched')
            }
            problems.length = 0
            memory.change(ranges)
            const now = space.pages()
            for (const [at, what] of now) assert.equal(what, wanted.get(at), 'memory that is not the guest’s')
            if (problems.length === 0) assert.equal(now.size, wanted.size)
            if (isEmpty) {
              const fewest = announce(each.map(({ version }) => ({ version, cut: false }))).length
              assert.equal(problems.length === 0, fewest <= limit)
              if (problems.length === 0) assert.equal(space.held.size, Math.min(ranges.length, Math.max(limit, fewest)))
            }
            if (space.held.size < ranges.length) joined += 1
          }
        },
      ),
      { numRuns: runs, seed },
    )
    assert.ok(joined > runs / 10, 'hardly anything was joined')
  })

  it('is all there whenever the device is in use', async () => {
    let quarantined = 0
    const action = fc.record({ change, reset: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 6 }), async (actions) => {
        const space = new RecordingDmaSpace()
        const memory = new ChangingMemory()
        const { device, fn } = openModel('flr', {
          vmm: new RecordingVmm([], memory),
          override: () => ({ dma: space }),
        })
        for (const { change: each, reset } of actions) {
          refuse(space, each)
          memory.change(rangesOf(each.wanted))
          if (reset) await device.reset()
          enableBar0(device, 0xe000_0000, 6)
          assert.equal(fn.hardware.busMaster, device.isUsable)
          if (device.isUsable) assert.deepEqual(slotsOf(space), each.wanted)
          else quarantined += 1
        }
        space.refuse = () => false
        assert.equal((await device.reset()).verdict, 'clean')
        assert.equal(device.isUsable, true)
        assert.deepEqual(rangesOf(slotsOf(space)), memory.ranges)
        await device.close()
        assert.equal(space.held.size, 0)
      }),
      { numRuns: Math.ceil(runs / 4), seed },
    )
    assert.ok(quarantined > runs / 10, 'hardly anything failed')
  })
})
