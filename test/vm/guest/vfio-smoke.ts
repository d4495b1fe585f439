// In the guest: what the kernel's VFIO and real device models make of src/vfio. Each scenario is one result.
import { EventFd } from '../../../src/linux/eventfd.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf, deviceAddresses } from './addresses.js'
import { bindToVfio, createVirtualFunctions, unbind } from './binding.js'
import { runScenarios, type Scenario } from './run-scenarios.js'
import {
  commandBits,
  commandOffset,
  edu,
  failure,
  failureOf,
  iova,
  setCommand,
  sleep,
  transfer,
  waitFor,
  wake,
  word,
} from './vfio-steps.js'

const nobody = 65534

async function open(name: Parameters<typeof addressOf>[0], ownership: VfioOwnership) {
  return openVfioFunction(addressOf(name), ownership)
}

const scenarios: Readonly<Record<string, Scenario>> = {
  async 'edu-root'(ownership) {
    const began = performance.now()
    using fn = await open('edu-root', ownership)
    const openMs = performance.now() - began
    const command = fn.config.read(commandOffset, 2)
    const landed = await transfer(fn)
    const unmapped = await transfer(fn, () => fn.dma.unmap(iova, fn.dma.pageSize))
    const stopped = await transfer(fn, () => setCommand(fn, 0))
    const contained = await transfer(fn, () => [fn.contain(), fn.contain(), fn.dma.mappings.length])
    const mappedAgain = await failureOf(transfer(fn))
    wake(fn)
    const id = word(fn, 0n)
    setCommand(fn, 0)
    const memoryOff = failure(() => word(fn, 0n))
    return {
      openMs,
      ids: fn.config.read(0, 4),
      configSize: fn.config.size,
      isVirtualFunction: fn.isVirtualFunction,
      canReset: fn.canReset,
      command,
      regions: fn.regions.map(
        (region) => region && { index: region.index, size: region.size, mappable: region.mappable },
      ),
      hasFile: fn.regions[0]?.file !== undefined,
      id,
      memoryOff,
      pageSize: fn.dma.pageSize,
      apertures: fn.dma.apertures,
      landed,
      unmapped,
      contained,
      mappedAgain,
      stopped,
      reset: await fn.reset(),
      scope: fn.hotResetScope(),
      hotReset: await fn.hotReset(),
      features: fn.features(),
      kinds: (['intx', 'msi', 'msix', 'err', 'req'] as const).map((kind) => fn.interrupts.info(kind)),
    }
  },

  async interrupts(ownership) {
    using fn = await open('edu-root', ownership)
    wake(fn)
    let heard = 0
    const signal = () => {
      heard++
    }
    const raised = async () => {
      const before = heard
      word(fn, edu.raise, 1)
      const arrived = await waitFor(() => heard > before)
      word(fn, edu.acknowledge, 1)
      return arrived
    }
    fn.interrupts.enable('msi', [{ signal }])
    const msi = [await raised(), await raised()]
    using eventfd = new EventFd()
    fn.interrupts.enable('msi', [{ eventfd: eventfd.fd }])
    word(fn, edu.raise, 1)
    let taken = 0n
    const toEventfd = await waitFor(() => {
      taken += eventfd.take()
      return taken > 0n
    })
    word(fn, edu.acknowledge, 1)
    const both = failure(() => fn.interrupts.enable('intx', [{ signal }]))
    fn.interrupts.disable('msi')
    fn.interrupts.enable('intx', [{ signal }])
    const intx = [await raised()]
    fn.interrupts.unmask('intx')
    intx.push(await raised())
    fn.interrupts.disable('intx')
    fn.interrupts.enable('req', [{ signal }])
    fn.interrupts.disable('req')
    fn.interrupts.enable('msi', [{ signal }])
    setCommand(fn, commandBits.memory)
    const withoutBusMaster = await raised()
    return {
      msi,
      toEventfd,
      both,
      intx,
      withoutBusMaster,
      none: failure(() => fn.interrupts.enable('msix', [{ signal }])),
    }
  },

  async 'edu-port'(ownership) {
    using fn = await open('edu-port', ownership)
    wake(fn)
    word(fn, edu.factorial, 5)
    await sleep(50)
    const before = word(fn, edu.factorial)
    const resetting = fn.reset()
    const during = {
      config: failure(() => fn.config.read(0, 4)),
      second: await fn.reset(),
      region: failure(() => word(fn, 0n)),
      scope: fn.hotResetScope(),
      hotReset: await fn.hotReset(),
      vectors: fn.interrupts.info('msi').count,
      enable: failure(() => fn.interrupts.enable('msi', [undefined])),
    }
    const began = performance.now()
    const reset = await resetting
    const resetMs = performance.now() - began
    const command = fn.config.read(commandOffset, 2)
    return {
      before,
      during,
      reset,
      resetMs,
      command,
      scope: fn.hotResetScope(),
      hotReset: await fn.hotReset(),
      canReset: fn.canReset,
    }
  },

  async 'edu-slow'(ownership) {
    const fn = await open('edu-slow', ownership)
    let longestGapMs = 0
    let last = performance.now()
    const tick = setInterval(() => {
      longestGapMs = Math.max(longestGapMs, performance.now() - last)
      last = performance.now()
    }, 5)
    const began = performance.now()
    const reset = await fn.reset()
    const resetMs = performance.now() - began
    clearInterval(tick)
    // Closed in the middle of a reset: the device is held until the reset ends, and then it is free.
    const late = fn.hotReset()
    const closing = performance.now()
    fn[Symbol.dispose]()
    const closeMs = performance.now() - closing
    const lateOutcome = await late
    await using again = await open('edu-slow', ownership)
    return { canReset: fn.canReset, reset, resetMs, longestGapMs, closeMs, lateOutcome, again: again.config.read(0, 4) }
  },

  async 'shared bus'(ownership) {
    using a = await open('edu-shared-a', ownership)
    const alone = a.hotResetScope()
    using b = await open('edu-shared-b', ownership)
    wake(b)
    const results = {
      alone,
      canReset: [a.canReset, b.canReset],
      reset: await a.reset(),
      hotReset: await a.hotReset(),
      siblingCommand: b.config.read(commandOffset, 2),
      sharedWith: a.dma.sharedWith,
    }
    // The sibling is closed in the middle of a reset of their bus, on which the kernel's close would wait.
    const resetting = a.hotReset()
    const scope = b.hotResetScope()
    b[Symbol.dispose]()
    const stillOpen = ownership.functions.map((fn) => fn.address)
    const closedAccess = failure(() => b.config.read(0, 4))
    const held = a.dma.sharedWith
    const late = await resetting
    await using again = await open('edu-shared-b', ownership)
    return {
      ...results,
      scope,
      open: stillOpen,
      closedAccess,
      held,
      late,
      again: again.config.read(0, 4),
    }
  },

  async containers(ownership) {
    using first = await open('edu-root', ownership)
    using second = await open('edu-root-2', ownership)
    using memory = first.dma.allocate(first.dma.pageSize)
    using _ = first.dma.map(iova, memory, 'read-write')
    const shared = {
      sharedWith: first.dma.sharedWith,
      seen: second.dma.mappings.length,
      conflict: failure(() => second.dma.map(iova, memory, 'read')),
    }
    const contained = second.contain()
    const left = first.dma.mappings.length
    // Neither may see memory while the second is open; who comes now gets a container of its own.
    const refused = failure(() => first.dma.map(iova, memory, 'read'))
    using third = await open('rng-pm', ownership)
    using own = third.dma.map(iova, memory, 'read')
    const newcomer = { sharedWith: third.dma.sharedWith, size: own.size }
    second[Symbol.dispose]()
    using mapped = first.dma.map(iova, memory, 'read')
    const released = mapped.size
    using apartOwner = new VfioOwnership({ shareContainers: false })
    const apart = [await open('nvme', apartOwner), await open('e1000e', apartOwner)]
    const apartFrom = apart.map((fn) => fn.dma.sharedWith)
    return { shared, contained, left, refused, newcomer, released, apart: apartFrom }
  },

  async models(ownership) {
    const results: Record<string, unknown> = {}
    for (const name of ['nvme', 'e1000e', 'rng-pm'] as const) {
      await using fn = await open(name, ownership)
      const region = fn.regions.find((candidate) => candidate !== undefined)
      results[name] = {
        canReset: fn.canReset,
        configSize: fn.config.size,
        msix: fn.interrupts.info('msix').count,
        region: region && { index: region.index, size: region.size, mappable: region.mappable },
        reset: await fn.reset(),
        hotReset: await fn.hotReset(),
        features: fn.features().map((feature) => feature.name),
      }
    }
    return results
  },

  async 'virtual function'(ownership) {
    const [address = ''] = createVirtualFunctions(addressOf('igb'), 2)
    bindToVfio(address)
    using fn = await openVfioFunction(address, ownership)
    return {
      isVirtualFunction: fn.isVirtualFunction,
      canReset: fn.canReset,
      ids: fn.config.read(0, 4),
      reset: await fn.reset(),
      scope: fn.hotResetScope(),
      hotReset: await fn.hotReset(),
    }
  },

  async errors(ownership) {
    using fn = await open('edu-root', ownership)
    using other = new VfioOwnership()
    const twice = await failureOf(open('edu-root', ownership))
    const busy = await failureOf(open('edu-root', other))
    unbind(addressOf('edu-root-2'))
    const unbound = await failureOf(open('edu-root-2', other))
    bindToVfio(addressOf('edu-root-2'))
    const missing = await failureOf(ownership.open('0000:7f:00.0'))
    using memory = fn.dma.allocate(64n << 20n)
    process.seteuid?.(nobody)
    const permission = await failureOf(open('edu-root-2', other))
    const memlock = failure(() => fn.dma.map(0x1000_0000n, memory, 'read-write'))
    process.seteuid?.(0)
    const outside = failure(() => fn.dma.map(0xfee0_0000n, memory, 'read-write'))
    return { twice, busy, unbound, missing, permission, memlock, outside }
  },

  /** The owner is disposed while a device of its is being opened, which takes the kernel a reset. */
  async 'disposed while opening'() {
    const owner = new VfioOwnership()
    let hasEnded = false
    const opening = failureOf(open('edu-port', owner)).finally(() => {
      hasEnded = true
    })
    await sleep(5)
    const wasOpening = !hasEnded
    owner[Symbol.dispose]()
    const outcome = await opening
    using other = new VfioOwnership()
    using fn = await open('edu-port', other)
    return { wasOpening, outcome, left: owner.functions.length, again: fn.config.read(0, 4) }
  },

  /** Groups and containers are let go of: everything can be opened again, by another owner. */
  async again() {
    const results: unknown[] = []
    for (const name of ['edu-root', 'edu-shared-a', 'nvme'] as const) {
      using owner = new VfioOwnership()
      using fn = await open(name, owner)
      results.push(fn.config.read(0, 4))
    }
    return results
  },
}

const { igb: _igb, ...assignable } = deviceAddresses()
bindToVfio(...Object.values(assignable))
await runScenarios(scenarios)
