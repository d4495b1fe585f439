// DEVICE_GET_REGION_IO_FDS: eventfds by which accesses to parts of a region can be noticed without a message each.
// The reply holds every sub-region or, where the request leaves no room, none; its `argsz` says what they take.
import type { StructValue } from '../../../bits/struct.js'
import { fdRules, payload, type Rule, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { argszAtLeast, argszWithinTransfer } from '../rules.js'
import { IoFdSubRegion, RegionIoFds } from '../structs.js'
import { assertConsistent, decodeItems, encodeItems, type WithItems } from '../tails.js'

type Fields = StructValue<typeof RegionIoFds.fields>

const onlyAnIndex: Rule<Fields> = ({ flags, count }) => {
  if (flags !== 0) return new Problem('flags', 'flags are not 0')
  return count === 0 ? undefined : new Problem('count', `count is ${count} in a request`)
}

const subRegions: Tail<Fields, WithItems<typeof IoFdSubRegion.fields>> = {
  read({ count }, rest, { fds }) {
    if (rest.byteLength === 0) return { items: [] }
    if (count * IoFdSubRegion.size !== rest.byteLength) {
      return new Problem('length', `${count} sub-regions in ${rest.byteLength} bytes`)
    }
    const items = decodeItems(IoFdSubRegion, rest, count)
    const stray = items.find(({ fd_index }) => fd_index >= fds)
    return stray === undefined ? { items } : new Problem('fds', `fd ${stray.fd_index} of ${fds}`)
  },
  size: ({ items }) => items.length * IoFdSubRegion.size,
  write({ items, count }, into) {
    assertConsistent(items.length === 0 || items.length === count, 'count is not the number of sub-regions')
    encodeItems(IoFdSubRegion, items, into)
  },
}

export const regionIoFdsRequest = payload(RegionIoFds, {
  rules: [argszAtLeast(RegionIoFds.size), argszWithinTransfer, onlyAnIndex],
})

export const regionIoFdsReply = payload(RegionIoFds, {
  rules: [argszAtLeast(RegionIoFds.size)],
  tail: subRegions,
  fds: fdRules.many,
})
