// A processor as a boot loader leaves it: 32-bit protected mode, flat segments, no paging, interrupts off.
import type { Vcpu } from '../../src/linux/kvm/vcpu.js'
import { codeSelector, dataSelector, globalTableLimit } from './guest-image.js'
import { guestLayout } from './guest-layout.js'

/** Protection Enable, and Extension Type, which is always 1. */
const protectedMode = 0x11n
/** Bit 1 of the flags is always 1. */
const flags = 0x2n

const flat = { base: 0n, limit: 0xffff_ffff, present: 1, dpl: 0, db: 1, s: 1, l: 0, g: 1, avl: 0, unusable: 0 } as const
const code = { ...flat, selector: codeSelector, type: 0xb } as const
const data = { ...flat, selector: dataSelector, type: 0x3 } as const

function segment<const N extends string>(name: N, values: typeof code | typeof data) {
  const entries = Object.entries(values).map(([field, value]) => [`${name}.${field}`, value])
  return Object.fromEntries(entries) as { [K in keyof typeof values as `${N}.${K}`]: (typeof values)[K] }
}

export function enterProtectedMode(vcpu: Vcpu): void {
  vcpu.systemRegisters = {
    ...vcpu.systemRegisters,
    ...segment('cs', code),
    ...segment('ds', data),
    ...segment('es', data),
    ...segment('fs', data),
    ...segment('gs', data),
    ...segment('ss', data),
    'gdt.base': BigInt(guestLayout.globalTable),
    'gdt.limit': globalTableLimit,
    cr0: protectedMode,
    cr3: 0n,
    cr4: 0n,
    efer: 0n,
  }
  vcpu.registers = { rip: BigInt(guestLayout.code), rflags: flags }
}
