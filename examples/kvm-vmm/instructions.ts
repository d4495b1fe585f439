// As many x86 instructions as the guest program needs, in 32-bit protected mode (Intel SDM volume 2). Each is a value:
// bytes, and where they refer to a label, which one. An address is absolute, in the flat address space.

export type Piece =
  | { readonly label: string }
  | { readonly bytes: readonly number[] }
  /** Followed by the distance from the end of the instruction to a label, in 32 bits. */
  | { readonly bytes: readonly number[]; readonly to: string }

const register = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const
export type Register = keyof typeof register

/** Of the group that shares opcodes 81 /n and 01+8n. */
const arithmetic = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const
export type Arithmetic = keyof typeof arithmetic

/** Of Jcc: unsigned below, above or equal; equal, not equal. */
const condition = { below: 2, aboveOrEqual: 3, equal: 4, notEqual: 5 } as const
export type Condition = keyof typeof condition

const isRegister = (operand: Register | number): operand is Register => typeof operand === 'string'

function dword(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]
}

/** ModR/M byte for two registers, and for a register or opcode extension with an absolute address. */
const direct = (reg: number, rm: number): number => 0xc0 | (reg << 3) | rm
const absolute = (reg: number, address: number): number[] => [(reg << 3) | 5, ...dword(address)]

const plain = (...bytes: readonly number[]): Piece => ({ bytes })

export const label = (name: string): Piece => ({ label: name })

/** Copies a register or a constant into a register. */
export function mov(to: Register, from: Register | number): Piece {
  return isRegister(from)
    ? plain(0x89, direct(register[from], register[to]))
    : plain(0xb8 + register[to], ...dword(from))
}

/** Reads memory. */
export const load = (to: Register, address: number): Piece => plain(0x8b, ...absolute(register[to], address))

/** Writes a register or a constant to memory. */
export function store(address: number, from: Register | number): Piece {
  return isRegister(from)
    ? plain(0x89, ...absolute(register[from], address))
    : plain(0xc7, ...absolute(0, address), ...dword(from))
}

/** `register = register <operation> operand`, and the flags. */
export function compute(operation: Arithmetic, to: Register, operand: Register | number): Piece {
  const n = arithmetic[operation]
  return isRegister(operand)
    ? plain(0x01 | (n << 3), direct(register[operand], register[to]))
    : plain(0x81, direct(n, register[to]), ...dword(operand))
}

/** Compares a register with memory. */
export const compareWith = (left: Register, address: number): Piece => plain(0x3b, ...absolute(register[left], address))

/** Adds a constant to memory. */
export const addTo = (address: number, value: number): Piece =>
  plain(0x81, ...absolute(arithmetic.add, address), ...dword(value))

export const not = (of: Register): Piece => plain(0xf7, direct(2, register[of]))
export const negate = (of: Register): Piece => plain(0xf7, direct(3, register[of]))
export const decrement = (of: Register): Piece => plain(0x48 + register[of])
export const shiftRight = (of: Register, bits: number): Piece => plain(0xc1, direct(5, register[of]), bits)

export const jump = (to: string): Piece => ({ bytes: [0xe9], to })
export const jumpIf = (when: Condition, to: string): Piece => ({ bytes: [0x0f, 0x80 | condition[when]], to })
export const call = (to: string): Piece => ({ bytes: [0xe8], to })
export const ret = plain(0xc3)

/** 32 bits from or to the port in DX. */
export const inEax = plain(0xed)
export const outEax = plain(0xef)

export const loadInterruptTable = (address: number): Piece => plain(0x0f, 0x01, ...absolute(3, address))
export const disableInterrupts = plain(0xfa)
/** Takes effect after the next instruction, so that no interrupt falls between it and a halt. */
export const enableInterrupts = plain(0xfb)
export const halt = plain(0xf4)
export const saveRegisters = plain(0x60)
export const restoreRegisters = plain(0x61)
export const interruptReturn = plain(0xcf)

/** Fills ECX dwords at EDI with EAX; compares ECX dwords at ESI with those at EDI, until two differ. */
export const fillDwords = plain(0xfc, 0xf3, 0xab)
export const compareDwords = plain(0xfc, 0xf3, 0xa7)
