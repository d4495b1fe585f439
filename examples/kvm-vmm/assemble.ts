import type { Piece } from './instructions.js'

export interface MachineCode {
  readonly origin: number
  readonly bytes: Uint8Array
  /** Addresses by label. */
  readonly labels: ReadonlyMap<string, number>
}

/** The distance to a label takes so many bytes. */
const distanceSize = 4

const sizeOf = (piece: Piece): number => {
  if ('label' in piece) return 0
  return piece.bytes.length + ('to' in piece ? distanceSize : 0)
}

/** Puts a program together for `origin`. @throws Error if a label is missing, or there twice */
export function assemble(origin: number, pieces: readonly Piece[]): MachineCode {
  const labels = new Map<string, number>()
  let end = origin
  for (const piece of pieces) {
    if ('label' in piece) {
      if (labels.has(piece.label)) throw new Error(`Cannot assemble: ${piece.label} is there twice`)
      labels.set(piece.label, end)
    }
    end += sizeOf(piece)
  }
  const bytes = new Uint8Array(end - origin)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const piece of pieces) {
    if ('label' in piece) continue
    bytes.set(piece.bytes, at)
    const next = at + sizeOf(piece)
    if ('to' in piece) {
      const target = labels.get(piece.to)
      if (target === undefined) throw new Error(`Cannot assemble: there is no ${piece.to}`)
      view.setInt32(at + piece.bytes.length, target - (origin + next), true)
    }
    at = next
  }
  return { origin, bytes, labels }
}
