// DEVICE_SET_IRQS. One kind of data and one action. No fds with EVENTFD takes the eventfds away; a count of 0 with NONE
// and TRIGGER turns the whole index off. How many interrupts an index has, only the device knows.
import type { StructValue } from '../../../bits/struct.js'
import { IrqSetFlags } from '../flags.js'
import { fdRules, payload, type Rule, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { argszAtLeast, exactlyOne, flagsOf } from '../rules.js'
import { IrqSet } from '../structs.js'
import { assertConsistent } from '../tails.js'

type Fields = StructValue<typeof IrqSet.fields>

export interface WithBools {
  /** One byte for each interrupt, with BOOL. */
  readonly bools?: Uint8Array
}

/** VFIO_PCI_*_IRQ_INDEX of <linux/vfio.h>. */
export const irqIndex = { intx: 0, msi: 1, msix: 2, err: 3, req: 4 } as const

const irqIndexCount = Object.keys(irqIndex).length

const dataMask = IrqSetFlags.mask('dataNone', 'dataBool', 'dataEventfd')
const actionMask = IrqSetFlags.mask('actionMask', 'actionUnmask', 'actionTrigger')
const none = IrqSetFlags.mask('dataNone')
const bool = IrqSetFlags.mask('dataBool')
const eventfd = IrqSetFlags.mask('dataEventfd')
const trigger = IrqSetFlags.mask('actionTrigger')

const oneDataOneAction: Rule<Fields> = ({ flags }) =>
  exactlyOne(flags, dataMask) && exactlyOne(flags, actionMask)
    ? undefined
    : new Problem('flags', `not one data and one action: 0x${flags.toString(16)}`)

const knownIndex: Rule<Fields> = ({ index }) =>
  index < irqIndexCount ? undefined : new Problem('index', `interrupt index ${index}`)

const countAndStart: Rule<Fields> = ({ flags, start, count }) => {
  if (start + count > 2 ** 32) return new Problem('count', `${count} interrupts from ${start} on`)
  if (count > 0) return undefined
  return start === 0 && flags === (none | trigger) ? undefined : new Problem('count', 'count is 0')
}

/** ERR and REQ are one interrupt each, which can neither be masked nor unmasked. */
const singleInterrupts: Rule<Fields> = ({ flags, index, count }) => {
  if (index !== irqIndex.err && index !== irqIndex.req) return undefined
  if ((flags & trigger) === 0) return new Problem('flags', `interrupt index ${index} can only be triggered`)
  return count <= 1 ? undefined : new Problem('count', `${count} interrupts of index ${index}`)
}

const oneFdEach: Rule<Fields> = ({ flags, count }, { fds }) => {
  if (fds === 0) return undefined
  return (flags & eventfd) !== 0 && fds === count ? undefined : new Problem('fds', `${fds} fds for ${count} interrupts`)
}

const boolsTail: Tail<Fields, WithBools> = {
  read({ flags, count }, rest) {
    if ((flags & bool) === 0) return {}
    return rest.byteLength === count
      ? { bools: rest }
      : new Problem('length', `${rest.byteLength} bools for ${count} interrupts`)
  },
  size: ({ bools }) => bools?.byteLength ?? 0,
  write({ flags, count, bools }, into) {
    assertConsistent(((flags & bool) !== 0) === (bools !== undefined), 'the flag and the bools disagree')
    if (bools === undefined) return
    assertConsistent(bools.byteLength === count, 'count is not the number of bools')
    into.set(bools)
  },
}

export const setIrqsRequest = payload(IrqSet, {
  rules: [
    argszAtLeast(IrqSet.size),
    flagsOf(IrqSetFlags),
    oneDataOneAction,
    knownIndex,
    countAndStart,
    singleInterrupts,
    oneFdEach,
  ],
  tail: boolsTail,
  fds: fdRules.many,
})
