// REGION_WRITE_MULTI: several small writes in one message, in order. Each has eight bytes of room for its data.
import type { StructValue } from '../../../bits/struct.js'
import { payload, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { withinAddressSpace } from '../rules.js'
import { WriteMulti, WriteOne } from '../structs.js'
import { assertConsistent, decodeItems, encodeItems, type WithItems } from '../tails.js'

type Fields = StructValue<typeof WriteMulti.fields>

const mostBytes = 8

const writesTail: Tail<Fields, WithItems<typeof WriteOne.fields>> = {
  read({ wr_cnt }, rest) {
    if (wr_cnt * BigInt(WriteOne.size) !== BigInt(rest.byteLength)) {
      return new Problem('length', `${wr_cnt} writes in ${rest.byteLength} bytes`)
    }
    const items = decodeItems(WriteOne, rest, Number(wr_cnt))
    for (const { offset, count } of items) {
      if (count > mostBytes) return new Problem('count', `a write of ${count} bytes`)
      const problem = withinAddressSpace(offset, count)
      if (problem !== undefined) return problem
    }
    return { items }
  },
  size: ({ items }) => items.length * WriteOne.size,
  write({ wr_cnt, items }, into) {
    assertConsistent(wr_cnt === BigInt(items.length), 'wr_cnt is not the number of writes')
    encodeItems(WriteOne, items, into)
  },
}

export const writeMultiRequest = payload(WriteMulti, { tail: writesTail })

/** How many were done. */
export const writeMultiReply = payload(WriteMulti)
