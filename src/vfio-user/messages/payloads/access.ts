// REGION_READ and REGION_WRITE, and the same of the client's memory, DMA_READ and DMA_WRITE. The data is in the request
// of a write and in the reply of a read, as long as `count` says.
import { payload, type Rule } from '../payload.js'
import { countWithinTransfer, withinAddressSpace } from '../rules.js'
import { DmaAccess, RegionAccess } from '../structs.js'
import { countedBytes } from '../tails.js'

const regionSpan: Rule<{ offset: bigint; count: number }> = ({ offset, count }) => withinAddressSpace(offset, count)
const memorySpan: Rule<{ address: bigint; count: bigint }> = ({ address, count }) => withinAddressSpace(address, count)

const regionRules = [countWithinTransfer, regionSpan]
const memoryRules = [countWithinTransfer, memorySpan]

export const regionAccess = payload(RegionAccess, { rules: regionRules })
export const regionData = payload(RegionAccess, { rules: regionRules, tail: countedBytes('count') })

export const dmaAccess = payload(DmaAccess, { rules: memoryRules })
export const dmaData = payload(DmaAccess, { rules: memoryRules, tail: countedBytes('count') })
