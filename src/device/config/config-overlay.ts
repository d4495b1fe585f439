// What a guest sees instead of the hardware's config space, as data: rules by dword. A dword without a rule passes
// through.

/** The bytes of one dword that a write touches. */
export interface DwordWrite {
  /** In its place in the dword; zero outside `mask`. */
  readonly value: number
  /** The bits of the bytes that are enabled. */
  readonly mask: number
}

/**
 * `patched`: `(hardware & ~mask) | (value & mask)`, and a write reaches the other bits only. `hidden`: reads as zero,
 * writes vanish. `local`: answered without the hardware. `watched`: reads as patched, and a write is carried out by
 * whoever watches it.
 */
export type RuleKind = 'patched' | 'hidden' | 'local' | 'watched'

export interface DwordRule {
  readonly kind: RuleKind
  /** What it is for, in a few words. */
  readonly what: string
  /** Bits that do not come from the hardware. */
  readonly mask: number
  /** Their value. */
  read(): number
  /** Carries a write out; of local and watched dwords. */
  readonly write?: (write: DwordWrite) => void
}

const allBits = 0xffff_ffff

export function patched(what: string, mask: number, value: number): DwordRule {
  return { kind: 'patched', what, mask: mask >>> 0, read: () => value }
}

export function hidden(what: string): DwordRule {
  return { kind: 'hidden', what, mask: allBits, read: () => 0 }
}

export function local(what: string, read: () => number, write?: (write: DwordWrite) => void): DwordRule {
  return { kind: 'local', what, mask: allBits, read, write: write ?? (() => {}) }
}

export function watched(what: string, mask: number, read: () => number, write: (write: DwordWrite) => void): DwordRule {
  return { kind: 'watched', what, mask: mask >>> 0, read, write }
}

/** Bits of `value` that the write sets, the others as in `before`. */
export function merge(before: number, write: DwordWrite): number {
  return ((before & ~write.mask) | (write.value & write.mask)) >>> 0
}

export class ConfigOverlay {
  readonly #rules = new Map<number, DwordRule>()

  /** Adds a rule; a patch of a dword that has a rule already lies on top of it. */
  add(dword: number, rule: DwordRule): void {
    const before = this.#rules.get(dword)
    this.#rules.set(dword, before === undefined ? rule : combine(before, rule))
  }

  /** The rule of the dword that begins at this offset. */
  at(dword: number): DwordRule | undefined {
    return this.#rules.get(dword)
  }

  /** All of it, in the order of the offsets. */
  entries(): readonly (readonly [dword: number, rule: DwordRule])[] {
    return [...this.#rules].sort(([a], [b]) => a - b)
  }
}

function combine(first: DwordRule, second: DwordRule): DwordRule {
  if (first.kind === 'hidden' || second.kind === 'hidden') return first.kind === 'hidden' ? first : second
  const [base, patch] = second.kind === 'patched' ? [first, second] : [second, first]
  return {
    ...base,
    what: `${base.what}; ${patch.what}`,
    mask: (base.mask | patch.mask) >>> 0,
    read: () => ((base.read() & ~patch.mask) | (patch.read() & patch.mask)) >>> 0,
  }
}
