// What a guest may do to its device before it is taken away, as data that fast-check makes up and shrinks.
import fc from 'fast-check'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import { DeviceControl, pcieOffset } from '../../src/pci/capabilities/pcie.js'
import { pmOffset } from '../../src/pci/capabilities/pm.js'
import { capabilityId } from '../../src/pci/capability-ids.js'
import { findCapability } from '../../src/pci/capability-walk.js'
import { headerOffset } from '../../src/pci/header.js'
import type { SimulatedFunction } from '../../src/sim/simulated-function.js'

export type GuestAction =
  | { readonly do: 'command'; readonly value: number }
  | { readonly do: 'dma'; readonly page: number; readonly periodUs: number }
  | { readonly do: 'map'; readonly page: number }
  | { readonly do: 'unmap'; readonly page: number }
  | { readonly do: 'interrupts'; readonly kind: 'intx' | 'msi' | 'msix' }
  | { readonly do: 'power'; readonly state: number }
  | { readonly do: 'flr' }
  | { readonly do: 'write'; readonly offset: number; readonly width: 1 | 2 | 4; readonly value: number }
  | { readonly do: 'wait'; readonly us: number }

const page = fc.integer({ min: 0, max: 3 })

export const guestAction: fc.Arbitrary<GuestAction> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('command' as const), value: fc.integer({ min: 0, max: 0x7ff }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('dma' as const),
      page,
      periodUs: fc.integer({ min: 100, max: 20_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('map' as const), page }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unmap' as const), page }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('interrupts' as const),
      kind: fc.constantFrom('intx' as const, 'msi' as const, 'msix' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('power' as const), state: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'flr' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      offset: fc.integer({ min: 0, max: 63 }).map((dword) => dword * 4),
      width: fc.constantFrom(1 as const, 2 as const, 4 as const),
      value: fc.nat({ max: 0xff }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), us: fc.integer({ min: 1, max: 50_000 }) }) },
)

const pageSize = 4096n
const base = 0x10_0000n

type Performers = {
  readonly [K in GuestAction['do']]: (fn: SimulatedFunction, action: Extract<GuestAction, { do: K }>) => void
}

const addressOf = (number: number): bigint => base + BigInt(number) * pageSize

function writeCapability(fn: SimulatedFunction, id: number, register: number, value: number): void {
  const at = findCapability(fn.config, id)
  if (at !== undefined) fn.config.write(at + register, 2, value)
}

const perform: Performers = {
  command: (fn, { value }) => fn.config.write(headerOffset.command, 2, value),
  dma: (fn, action) => fn.startDma({ iova: addressOf(action.page), length: 4096, periodUs: action.periodUs }),
  map: (fn, action) => {
    fn.dma.map(addressOf(action.page), fn.dma.allocate(pageSize), 'read-write')
  },
  unmap: (fn, action) => {
    fn.dma.unmap(addressOf(action.page), pageSize)
  },
  interrupts: (fn, { kind }) => {
    if (fn.interrupts.info(kind).count > 0) fn.interrupts.enable(kind, [{ signal: () => {} }])
  },
  power: (fn, { state }) => writeCapability(fn, capabilityId.pm, pmOffset.controlStatus, state),
  flr: (fn) => writeCapability(fn, capabilityId.pcie, pcieOffset.deviceControl, DeviceControl.mask('initiateFlr')),
  write: (fn, { offset, width, value }) => fn.config.write(offset, width, value),
  wait: (fn, { us }) => fn.clock.advance(us),
}

/** Lets the guest do it. That the device or the kernel refuses is the guest's trouble; anything else is a defect. */
export function act(fn: SimulatedFunction, action: GuestAction): void {
  try {
    const run = perform[action.do] as (fn: SimulatedFunction, action: GuestAction) => void
    run(fn, action)
  } catch (error) {
    if (!(error instanceof QuiesceError)) throw error
  }
}
