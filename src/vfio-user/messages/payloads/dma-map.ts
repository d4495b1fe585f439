// DMA_MAP: memory of the client's that the device may reach, by the fd that comes with it, or else by messages.
import { DmaMapFlags } from '../flags.js'
import { fdRules, payload, type Rule } from '../payload.js'
import { Problem } from '../problem.js'
import { argszAtLeast, flagsOf, withinAddressSpace } from '../rules.js'
import { DmaMap } from '../structs.js'

const byFile = DmaMapFlags.mask('mmap', 'fileIo')

const fileWhereNamed: Rule<{ flags: number }> = ({ flags }, { fds }) =>
  (flags & byFile) !== 0 && fds === 0 ? new Problem('fds', 'memory reached by its file comes without one') : undefined

const span: Rule<{ address: bigint; size: bigint; offset: bigint }> = ({ address, size, offset }) =>
  size === 0n
    ? new Problem('range', 'size is 0')
    : (withinAddressSpace(address, size) ?? withinAddressSpace(offset, size))

export const dmaMapRequest = payload(DmaMap, {
  rules: [argszAtLeast(DmaMap.size), flagsOf(DmaMapFlags), fileWhereNamed, span],
  fds: fdRules.one,
})
