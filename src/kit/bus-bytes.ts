// Carries a run of bytes, as a message brings it, to registers that take naturally aligned accesses only.
import type { AccessWidth } from '../function/config-space.js'
import type { BusFunction } from './bus-function.js'
import type { RegisterWidth } from './device-model.js'

/** Calls back for every naturally aligned access that the run is made of, in order. */
function forEachAccess<W extends RegisterWidth>(
  offset: number,
  length: number,
  widths: readonly W[],
  access: (at: number, width: W) => void,
): void {
  let done = 0
  while (done < length) {
    const at = offset + done
    const width = widths.find((each) => at % each === 0 && done + each <= length)
    if (width === undefined) return
    access(at, width)
    done += width
  }
}

const configWidths: readonly AccessWidth[] = [4, 2, 1]
const barWidths: readonly RegisterWidth[] = [8, 4, 2, 1]

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function load(view: DataView, at: number, width: RegisterWidth): bigint {
  if (width === 8) return view.getBigUint64(at, true)
  return BigInt(width === 4 ? view.getUint32(at, true) : width === 2 ? view.getUint16(at, true) : view.getUint8(at))
}

function store(view: DataView, at: number, width: RegisterWidth, value: bigint): void {
  if (width === 8) view.setBigUint64(at, value, true)
  else if (width === 4) view.setUint32(at, Number(value), true)
  else if (width === 2) view.setUint16(at, Number(value), true)
  else view.setUint8(at, Number(value))
}

export function readConfigBytes(fn: BusFunction, offset: number, into: Uint8Array): void {
  const view = viewOf(into)
  forEachAccess(offset, into.length, configWidths, (at, width) => {
    store(view, at - offset, width, BigInt(fn.readConfig(at, width)))
  })
}

export function writeConfigBytes(fn: BusFunction, offset: number, from: Uint8Array): void {
  const view = viewOf(from)
  forEachAccess(offset, from.length, configWidths, (at, width) => {
    fn.writeConfig(at, width, Number(load(view, at - offset, width)))
  })
}

export function readBarBytes(fn: BusFunction, bar: number, offset: number, into: Uint8Array): void {
  const view = viewOf(into)
  forEachAccess(offset, into.length, barWidths, (at, width) => {
    store(view, at - offset, width, fn.readBar(bar, at, width))
  })
}

export function writeBarBytes(fn: BusFunction, bar: number, offset: number, from: Uint8Array): void {
  const view = viewOf(from)
  forEachAccess(offset, from.length, barWidths, (at, width) => {
    fn.writeBar(bar, at, width, load(view, at - offset, width))
  })
}
