// In the guest: devices by character device and iommufd, on a kernel that has them. Each scenario is one result.
import { readFileSync } from 'node:fs'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { MemoryFile } from '../../compliance/memory-file.js'
import { addressOf, deviceAddresses } from './addresses.js'
import { adoptByCharacterDevice, adoptByGroup } from './adopting.js'
import { bindToVfio, createVirtualFunctions } from './binding.js'
import { EduDriver } from './edu-driver.js'
import { keepFiles } from './kept-file.js'
import { runScenarios, type Scenario } from './run-scenarios.js'
import { failure, failureOf, iova, sleep, transfer, wake, word } from './vfio-steps.js'

const canary = 0xa5
const landsWithinMs = 250
/** A register of edu that reads as the complement of what was written. */
const liveness = 0x04n

const open = (name: Parameters<typeof addressOf>[0], ownership: VfioOwnership) =>
  openVfioFunction(addressOf(name), ownership)

/** A page of its own for each device, and whether a transfer that is started now lands in it. */
class Page implements Disposable {
  readonly #fn: PhysicalFunction
  readonly #iova: bigint
  readonly #memory

  constructor(fn: PhysicalFunction, at: bigint) {
    this.#fn = fn
    this.#iova = at
    this.#memory = fn.dma.allocate(fn.dma.pageSize)
    this.map()
  }

  map(): void {
    this.#fn.dma.map(this.#iova, this.#memory, 'read-write')
  }

  start(): boolean {
    this.#memory.bytes.fill(canary)
    wake(this.#fn)
    const engine = new EduDriver(this.#fn)
    engine.store(this.#iova, 64)
    return engine.isTransferring
  }

  get isTouched(): boolean {
    return this.#memory.bytes.some((byte) => byte !== canary)
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]()
  }
}

async function land(...pages: readonly Page[]): Promise<boolean[]> {
  for (const page of pages) page.start()
  await sleep(landsWithinMs)
  return pages.map((page) => page.isTouched)
}

const scenarios: Readonly<Record<string, Scenario>> = {
  async opening(ownership) {
    using fn = await open('edu-root', ownership)
    using other = new VfioOwnership()
    using byGroup = new VfioOwnership({ backend: 'group' })
    return {
      backend: fn.backend,
      apertures: fn.dma.apertures,
      pageSize: fn.dma.pageSize,
      mappingsLeft: fn.dma.mappingsLeft ?? null,
      backings: [...fn.dma.backings],
      features: fn.features().map(({ name }) => name),
      landed: await transfer(fn),
      reset: await fn.reset(),
      scope: fn.hotResetScope(),
      twice: await failureOf(open('edu-root', ownership)),
      busy: await failureOf(open('edu-root', other)),
      busyByGroup: await failureOf(open('edu-root', byGroup)),
    }
  },

  async 'the other way'() {
    using ownership = new VfioOwnership({ backend: 'group' })
    using fn = await open('edu-root', ownership)
    using file = new MemoryFile(4096, canary)
    const before = mappedHere()
    using _ = fn.dma.mapBacking(iova, 4096n, { fd: file.fd, offset: 0n }, 'read-write')
    return { backend: fn.backend, backings: [...fn.dma.backings], mapped: mappedHere() - before }
  },

  /** Two devices of two groups in one IOAS: one is detached in mid-transfer, and the other goes on. */
  async containment(ownership) {
    using first = await open('edu-root', ownership)
    using second = await open('edu-root-2', ownership)
    using own = new Page(first, iova)
    using companion = new Page(second, 2n * iova)
    const shared = { sharedWith: first.dma.sharedWith, same: first.dma.domain === second.dma.domain }
    const before = await land(own, companion)
    const inFlight = own.start()
    const contained = first.contain()
    const again = first.contain()
    await sleep(landsWithinMs)
    const during = [own.isTouched, ...(await land(companion))]
    const later = await land(own, companion)
    const mappings = first.dma.mappings.length
    const readmitted = first.readmit()
    return { shared, before, inFlight, contained, again, during, later, mappings, readmitted, after: await land(own) }
  },

  async apart() {
    using ownership = new VfioOwnership({ shareContainers: false })
    using first = await open('edu-root', ownership)
    using second = await open('edu-root-2', ownership)
    return { sharedWith: first.dma.sharedWith, same: first.dma.domain === second.dma.domain }
  },

  /** Two devices of one group, which the IOMMU cannot tell apart: both or none. */
  async 'one group'(ownership) {
    using a = await open('edu-shared-a', ownership)
    const alone = a.hotResetScope()
    let b = await open('edu-shared-b', ownership)
    using pageA = new Page(a, iova)
    let pageB = new Page(b, 2n * iova)
    const before = await land(pageA, pageB)
    pageB.start()
    const contained = a.contain()
    await sleep(landsWithinMs)
    const during = pageB.isTouched
    const both = b.contain()
    const one = a.readmit()
    const still = await land(pageA)
    const other = b.readmit()
    const after = await land(pageA, pageB)
    // One that is opened while its sibling is contained is cut off with it, until the sibling is closed.
    a.contain()
    pageB[Symbol.dispose]()
    b[Symbol.dispose]()
    b = await open('edu-shared-b', ownership)
    pageB = new Page(b, 2n * iova)
    const newcomer = await land(pageB)
    pageA[Symbol.dispose]()
    a[Symbol.dispose]()
    const released = await land(pageB)
    pageB[Symbol.dispose]()
    b[Symbol.dispose]()
    return { alone, before, contained, during, both, one, still, other, after, newcomer, released }
  },

  async 'a file'(ownership) {
    using fn = await open('edu-root', ownership)
    using file = new MemoryFile(3 * 4096, canary)
    const before = mappedHere()
    const mapping = fn.dma.mapBacking(iova, 4096n, { fd: file.fd, offset: 4096n }, 'read-write')
    wake(fn)
    new EduDriver(fn).store(iova, 64)
    await sleep(landsWithinMs)
    const touched = [0, 1, 2].map((page) => file.read(page * 4096, 4096).some((byte) => byte !== canary))
    const mapped = mappedHere() - before
    mapping[Symbol.dispose]()
    const stranger = failure(() => fn.dma.mapBacking(iova, 4096n, { dmabuf: file.fd, offset: 1n }, 'read'))
    return { touched, mapped, stranger }
  },

  async 'hot reset'(ownership) {
    using port = await open('edu-port', ownership)
    const alone = { scope: port.hotResetScope(), outcome: await port.hotReset() }
    using a = await open('edu-shared-a', ownership)
    using _b = await open('edu-shared-b', ownership)
    const together = { scope: a.hotResetScope(), outcome: await a.hotReset() }
    const [address = ''] = createVirtualFunctions(addressOf('igb'), 1)
    bindToVfio(address)
    using virtual = await ownership.open(address)
    const foreign = { backend: virtual.backend, scope: virtual.hotResetScope(), outcome: await virtual.hotReset() }
    return { alone, together, foreign }
  },

  /** The kernel holds a lock for as long as it resets a bus, here for a second, on which detaching would wait. */
  async 'contained in a hot reset'(ownership) {
    using fn = await open('rng-slow', ownership)
    using memory = fn.dma.allocate(fn.dma.pageSize)
    const map = () => void fn.dma.map(iova, memory, 'read-write')
    map()
    let hasEnded = false
    const resetting = fn.hotReset().finally(() => {
      hasEnded = true
    })
    await sleep(100)
    const early = fn.readmit()
    const contained = fn.contain()
    const again = fn.contain()
    // Whatever was waiting to be told is told now.
    await sleep(0)
    const wasUnderWay = !hasEnded
    const outcome = await resetting
    const mappings = fn.dma.mappings.length
    const refused = failure(map)
    const readmitted = fn.readmit()
    map()
    return { contained, again, wasUnderWay, early, outcome, mappings, refused, readmitted }
  },

  /** One device writes a register of another, whose BAR is shared as a dma-buf. */
  async 'peer to peer'(ownership) {
    using owner = await open('edu-port', ownership)
    using reader = await open('edu-root-2', ownership)
    wake(owner)
    wake(reader)
    const share = owner.regions[0]?.share
    if (share === undefined) return { shares: false }
    using area = share({ offset: 0n, size: 4096n })
    const at = 4n * iova
    using mapping = reader.dma.mapBacking(at, 4096n, { dmabuf: area.fd, offset: 0n }, 'read-write')
    using memory = reader.dma.allocate(4096n)
    using _ = reader.dma.map(iova, memory, 'read')
    const write = async (value: number): Promise<number> => {
      new Uint32Array(memory.bytes.buffer, memory.bytes.byteOffset, 1)[0] = value
      const engine = new EduDriver(reader)
      engine.load(iova, 4)
      await sleep(landsWithinMs)
      engine.store(at + liveness, 4)
      await sleep(landsWithinMs)
      return ~word(owner, liveness) >>> 0
    }
    const written = await write(0x1234_5678)
    const outside = failure(() => share({ offset: 0x10_0000n, size: 4096n }))
    const reset = await owner.reset()
    wake(owner)
    const afterReset = await write(0x2345_6789)
    mapping[Symbol.dispose]()
    using _again = reader.dma.mapBacking(at, 4096n, { dmabuf: area.fd, offset: 0n }, 'read-write')
    return { shares: true, written, outside, reset, afterReset, mappedAnew: await write(0x3456_789a) }
  },

  async 'kept files'() {
    return keepFiles(addressOf('edu-root'))
  },

  /** The files come from a privileged process; the one that uses them may open none. */
  async adopted() {
    return {
      character: await adoptByCharacterDevice(addressOf('edu-root')),
      group: await adoptByGroup(addressOf('edu-root')),
    }
  },
}

/** How many mappings of shared memory this process has. */
function mappedHere(): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('/memfd:quiesce')).length
}

const { igb: _igb, ...assignable } = deviceAddresses()
bindToVfio(...Object.values(assignable))
await runScenarios(scenarios)
