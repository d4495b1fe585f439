// DMA_UNMAP: one range, or everything, or one range with the bitmap of the pages that the device wrote. In the request
// `argsz` is the room for the reply. SPDK sends an fd with it, which means nothing.
import type { StructValue } from '../../../bits/struct.js'
import { DmaUnmapFlags } from '../flags.js'
import { payload, type Rule, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { argszAtLeast, argszWithinTransfer, exactlyOne, flagsOf, withinAddressSpace } from '../rules.js'
import { Bitmap, DmaUnmap } from '../structs.js'
import { assertConsistent } from '../tails.js'

type Fields = StructValue<typeof DmaUnmap.fields>
type BitmapFields = StructValue<typeof Bitmap.fields>

export interface WithBitmapRequest {
  readonly bitmap?: BitmapFields
}

export interface WithBitmap {
  readonly bitmap?: BitmapFields & { readonly data: Uint8Array }
}

const dirtyBitmap = DmaUnmapFlags.mask('dirtyBitmap')
const all = DmaUnmapFlags.mask('all')

const wantsBitmap = (flags: number): boolean => (flags & dirtyBitmap) !== 0

const oneThing: Rule<Fields> = ({ flags }) =>
  flags === 0 || exactlyOne(flags, dirtyBitmap | all) ? undefined : new Problem('flags', 'everything, and one bitmap')

const span: Rule<Fields> = ({ flags, address, size }) => {
  if (flags !== all) return withinAddressSpace(address, size)
  return address === 0n && size === 0n ? undefined : new Problem('range', 'everything, and a range')
}

function readBitmap(rest: Uint8Array): BitmapFields | Problem {
  if (rest.byteLength >= Bitmap.size) return Bitmap.decode(rest)
  return new Problem('length', `${rest.byteLength} bytes of vfio_user_bitmap`)
}

const requestTail: Tail<Fields, WithBitmapRequest> = {
  read({ flags, argsz }, rest) {
    if (!wantsBitmap(flags)) return {}
    const bitmap = readBitmap(rest)
    if (bitmap instanceof Problem) return bitmap
    const room = argsz - DmaUnmap.size - Bitmap.size
    return bitmap.size <= room ? { bitmap } : new Problem('argsz', `argsz is ${argsz}, the bitmap ${bitmap.size} bytes`)
  },
  size: ({ bitmap }) => (bitmap === undefined ? 0 : Bitmap.size),
  write({ bitmap, flags }, into) {
    assertConsistent(wantsBitmap(flags) === (bitmap !== undefined), 'the flag and the bitmap disagree')
    if (bitmap !== undefined) Bitmap.encode(bitmap, into)
  },
}

const replyTail: Tail<Fields, WithBitmap> = {
  read({ flags }, rest) {
    if (!wantsBitmap(flags)) return {}
    const bitmap = readBitmap(rest)
    if (bitmap instanceof Problem) return bitmap
    const data = rest.subarray(Bitmap.size)
    return bitmap.size === BigInt(data.byteLength)
      ? { bitmap: { ...bitmap, data } }
      : new Problem('length', `the bitmap is ${bitmap.size} bytes, and ${data.byteLength} follow`)
  },
  size: ({ bitmap }) => (bitmap === undefined ? 0 : Bitmap.size + bitmap.data.byteLength),
  write({ bitmap, flags }, into) {
    assertConsistent(wantsBitmap(flags) === (bitmap !== undefined), 'the flag and the bitmap disagree')
    if (bitmap === undefined) return
    const { pgsize, size, data } = bitmap
    assertConsistent(size === BigInt(data.byteLength), 'size is not the length of the bitmap')
    Bitmap.encode({ pgsize, size }, into)
    into.set(data, Bitmap.size)
  },
}

export const dmaUnmapRequest = payload(DmaUnmap, {
  rules: [argszAtLeast(DmaUnmap.size), argszWithinTransfer, flagsOf(DmaUnmapFlags), oneThing, span],
  tail: requestTail,
})

export const dmaUnmapReply = payload(DmaUnmap, { rules: [flagsOf(DmaUnmapFlags), oneThing], tail: replyTail })
