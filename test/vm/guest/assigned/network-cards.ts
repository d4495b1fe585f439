// In the guest's guest: as much of the drivers of network cards as it takes to have them signal each of their vectors.
import type { GuestFunction } from './guest-function.js'

/** A card whose driver can raise each of its vectors by a register. */
export interface Card {
  /** Lets the card signal its vectors. */
  prepare(guest: GuestFunction): void
  /** Forgets what was raised, and signals nothing. */
  silence(guest: GuestFunction): void
  /** Raises these vectors. */
  raise(guest: GuestFunction, vectors: readonly number[]): void
}

const all = 0xffff_ffff

/** Intel 82574 datasheet, 10.2.4. */
const e1000eRegister = {
  cause: 0xc0n,
  set: 0xc8n,
  enable: 0xd0n,
  disable: 0xd8n,
  autoClear: 0xdcn,
  vectors: 0xe4n,
} as const
/** The causes that get vectors 0, 1 and 2: other, RxQ0, TxQ0. */
const causes = [1 << 24, 1 << 20, 1 << 22] as const
const allCauses = causes[0] | causes[1] | causes[2]
/** IVAR: which vector each of them has, and that it has one. */
const vectorsOfCauses = (0x8 << 16) | 0x9 | (0xa << 8)

export const e1000eCard: Card = {
  prepare: (guest) => {
    guest.write32(0, e1000eRegister.vectors, vectorsOfCauses)
    guest.write32(0, e1000eRegister.autoClear, allCauses)
  },
  silence: (guest) => {
    guest.write32(0, e1000eRegister.disable, all)
    guest.write32(0, e1000eRegister.cause, all)
  },
  raise: (guest, vectors) => {
    guest.write32(0, e1000eRegister.enable, allCauses)
    guest.write32(
      0,
      e1000eRegister.set,
      vectors.reduce((mask, vector) => mask | (causes[vector] ?? 0), 0),
    )
  },
}

/** Intel 82576 datasheet, 8.8; a virtual function has the last four at the same place. */
const igbRegister = {
  mode: 0x1514n,
  set: 0x1520n,
  enable: 0x1524n,
  disable: 0x1528n,
  autoClear: 0x152cn,
  cause: 0x1580n,
} as const
/** GPIE: several vectors. */
const manyVectors = 1 << 4

/** Of an igb, or of its virtual function, whose mode is the physical function's. */
function igbCard(vectors: number, isPhysical: boolean): Card {
  const mask = 2 ** vectors - 1
  return {
    prepare: (guest) => {
      if (isPhysical) guest.write32(0, igbRegister.mode, manyVectors)
      guest.write32(0, igbRegister.autoClear, mask)
    },
    silence: (guest) => {
      guest.write32(0, igbRegister.disable, mask)
      guest.write32(0, igbRegister.cause, mask)
    },
    raise: (guest, raised) => {
      guest.write32(0, igbRegister.enable, mask)
      guest.write32(
        0,
        igbRegister.set,
        raised.reduce((bits, vector) => bits | (1 << vector), 0),
      )
    },
  }
}

export const igbPhysicalCard = igbCard(10, true)
export const igbVirtualCard = igbCard(3, false)

/** What the host's driver of the physical function does, for its virtual ones to signal. */
export const hostMode = { register: igbRegister.mode, value: BigInt(manyVectors) } as const
