// The guest: a driver of QEMU's edu device (docs/specs/edu.rst) without an operating system. It finds the device, places
// its BAR, has it send interrupts, and then touches it as often as it is told, without the VMM's help.
import { eduBuffer, eduDmaCommand, eduRegister, eduStatus } from '../../src/sim/models/edu-device.js'
import { guestLayout, guestMark, guestPort, resultAddress } from './guest-layout.js'
import {
  addTo,
  call,
  compareDwords,
  compareWith,
  compute,
  decrement,
  disableInterrupts,
  enableInterrupts,
  fillDwords,
  halt,
  inEax,
  interruptReturn,
  jump,
  jumpIf,
  label,
  load,
  loadInterruptTable,
  mov,
  negate,
  not,
  outEax,
  type Piece,
  restoreRegisters,
  ret,
  saveRegisters,
  shiftRight,
  store,
} from './instructions.js'

export interface EduProgramOptions {
  readonly interrupts: 'msi' | 'intx'
  /** Each is a write and a read of a register, compared. */
  readonly rounds: number
  /** Interrupts that the guest asks the device for, one after the other. */
  readonly raises: number
  /** Transfers into the device and out of it again, each ended by an interrupt. */
  readonly transfers: number
  /** The guest's last transfer is still in flight when it stops. */
  readonly endsInFlight: boolean
}

/** The vector of the interrupt, in the local APIC and in the interrupt table. */
export const interruptVector = 0x40
/** The pin of the I/O APIC that INTA# is wired to. */
export const lineInput = 16

const eduId = 0x11e8_1234
const config = { address: 0xcf8, data: 0xcfc, enable: 0x8000_0000, nextDevice: 0x800, end: 0x8001_0000 } as const
const header = { command: 0x04, bar0: 0x10, capabilities: 0x34 } as const
const memoryAndBusMaster = 0x6
/** The MSI capability: control in the upper half of its first dword; edu's takes a 64-bit address. */
const msi = { id: 5, enable: 0x1_0000, addressLow: 4, addressHigh: 8, data: 12 } as const
/** Local APIC: end of interrupt; spurious vector with the bit that switches it on. */
const lapic = { eoi: guestLayout.localApic + 0xb0, spurious: guestLayout.localApic + 0xf0, enable: 0x1ff } as const
/** I/O APIC: which register, its value; redirections take two registers each from 0x10; bit 15 is level-triggered. */
const ioApic = { select: guestLayout.ioApic, window: guestLayout.ioApic + 0x10, redirections: 0x10, level: 0x8000 }

/** Registers of the device, where the guest puts them. */
const at = (offset: number): number => guestLayout.bar + offset
const loadCommand = eduDmaCommand.run | eduDmaCommand.interrupt
const storeCommand = loadCommand | eduDmaCommand.toMemory
/** The device's own buffer, as its DMA engine sees it. */
const buffer = Number(eduBuffer.start)
const transferSize = 256

/** What is transferred; the number of the round is added to it. */
const pattern = 0xc0de_0000

const mark = (value: number): Piece[] => [mov('eax', value), mov('edx', guestPort.mark), outEax]

const setConfig = (offset: number, value: number): Piece[] => [
  mov('ecx', offset),
  mov('esi', value),
  call('write config'),
]

const transfer = (from: number, to: number, command: number): Piece[] => [
  store(at(eduRegister.dmaSource), from),
  store(at(eduRegister.dmaDestination), to),
  store(at(eduRegister.dmaCount), transferSize),
  store(at(eduRegister.dmaCommand), command),
  addTo(resultAddress('accesses'), 4),
]

/** Remembers in EDI how many interrupts there were, for `wait` to see the next one. */
const arm: Piece = load('edi', resultAddress('interrupts'))
const wait: Piece = call('wait for an interrupt')

const findDevice: readonly Piece[] = [
  mov('ebx', config.enable),
  label('find'),
  mov('ecx', 0),
  call('read config'),
  compute('cmp', 'eax', eduId),
  jumpIf('equal', 'found'),
  compute('add', 'ebx', config.nextDevice),
  compute('cmp', 'ebx', config.end),
  jumpIf('below', 'find'),
  ...mark(guestMark.notFound),
  label('found'),
]

const placeBar: readonly Piece[] = [
  ...setConfig(header.bar0, 0xffff_ffff),
  mov('ecx', header.bar0),
  call('read config'),
  compute('and', 'eax', 0xffff_fff0),
  negate('eax'),
  store(resultAddress('barSize'), 'eax'),
  ...setConfig(header.bar0, guestLayout.bar),
  ...setConfig(header.command, memoryAndBusMaster),
  load('eax', at(eduRegister.identification)),
  store(resultAddress('identification'), 'eax'),
  // What the machine's last guest has left: nothing resets this device.
  load('eax', at(eduRegister.interruptStatus)),
  store(at(eduRegister.acknowledge), 'eax'),
]

const useMsi: readonly Piece[] = [
  mov('ecx', header.capabilities),
  call('read config'),
  label('next capability'),
  compute('and', 'eax', 0xfc),
  jumpIf('equal', 'no msi'),
  mov('ecx', 'eax'),
  call('read config'),
  mov('esi', 'eax'),
  compute('and', 'eax', 0xff),
  compute('cmp', 'eax', msi.id),
  jumpIf('equal', 'has msi'),
  mov('eax', 'esi'),
  shiftRight('eax', 8),
  jump('next capability'),
  label('no msi'),
  ...mark(guestMark.noMsi),
  label('has msi'),
  mov('edi', 'esi'),
  compute('add', 'ecx', msi.addressLow),
  mov('esi', guestLayout.localApic),
  call('write config'),
  compute('add', 'ecx', msi.addressHigh - msi.addressLow),
  mov('esi', 0),
  call('write config'),
  compute('add', 'ecx', msi.data - msi.addressHigh),
  mov('esi', interruptVector),
  call('write config'),
  compute('sub', 'ecx', msi.data),
  compute('or', 'edi', msi.enable),
  mov('esi', 'edi'),
  call('write config'),
]

const useLine: readonly Piece[] = [
  store(ioApic.select, ioApic.redirections + 2 * lineInput + 1),
  store(ioApic.window, 0),
  store(ioApic.select, ioApic.redirections + 2 * lineInput),
  store(ioApic.window, ioApic.level | interruptVector),
]

const touchRegisters = (rounds: number): Piece[] => [
  mov('ecx', rounds),
  label('touch'),
  store(at(eduRegister.liveness), 'ecx'),
  load('eax', at(eduRegister.liveness)),
  not('eax'),
  compute('cmp', 'eax', 'ecx'),
  jumpIf('equal', 'alive'),
  addTo(resultAddress('mismatches'), 1),
  label('alive'),
  addTo(resultAddress('accesses'), 2),
  decrement('ecx'),
  jumpIf('notEqual', 'touch'),
  store(at(eduRegister.factorial), 5),
  label('compute'),
  load('eax', at(eduRegister.status)),
  compute('and', 'eax', eduStatus.computing),
  jumpIf('notEqual', 'compute'),
  load('eax', at(eduRegister.factorial)),
  store(resultAddress('factorial'), 'eax'),
]

const takeInterrupts = (count: number): Piece[] => [
  mov('ecx', count),
  label('raise'),
  arm,
  store(at(eduRegister.raise), 1),
  addTo(resultAddress('accesses'), 1),
  wait,
  decrement('ecx'),
  jumpIf('notEqual', 'raise'),
]

const fillSource: readonly Piece[] = [mov('edi', guestLayout.source), mov('ecx', transferSize / 4), fillDwords]

/** Into the device and out again, to another place, with another content each time. */
const transferData = (count: number): Piece[] => [
  mov('ebp', count),
  label('transfer'),
  mov('eax', 'ebp'),
  compute('or', 'eax', pattern),
  ...fillSource,
  arm,
  ...transfer(guestLayout.source, buffer, loadCommand),
  wait,
  arm,
  ...transfer(buffer, guestLayout.target, storeCommand),
  wait,
  mov('esi', guestLayout.source),
  mov('edi', guestLayout.target),
  mov('ecx', transferSize / 4),
  compareDwords,
  jumpIf('equal', 'same'),
  addTo(resultAddress('mismatches'), 1),
  label('same'),
  addTo(resultAddress('transfers'), 2),
  decrement('ebp'),
  jumpIf('notEqual', 'transfer'),
]

const startLastTransfer: readonly Piece[] = [
  disableInterrupts,
  ...transfer(buffer, guestLayout.target, storeCommand),
  ...mark(guestMark.inFlight),
]

const routines: readonly Piece[] = [
  label('read config'), //  EBX: the device; ECX: the offset; gives EAX
  mov('eax', 'ebx'),
  compute('or', 'eax', 'ecx'),
  mov('edx', config.address),
  outEax,
  mov('edx', config.data),
  inEax,
  ret,

  label('write config'), // ESI: the value
  mov('eax', 'ebx'),
  compute('or', 'eax', 'ecx'),
  mov('edx', config.address),
  outEax,
  mov('eax', 'esi'),
  mov('edx', config.data),
  outEax,
  ret,

  label('wait for an interrupt'),
  disableInterrupts,
  compareWith('edi', resultAddress('interrupts')),
  jumpIf('notEqual', 'was interrupted'),
  enableInterrupts,
  halt,
  jump('wait for an interrupt'),
  label('was interrupted'),
  enableInterrupts,
  ret,

  label('interrupt'),
  saveRegisters,
  load('eax', at(eduRegister.interruptStatus)),
  addTo(resultAddress('accesses'), 1),
  compute('cmp', 'eax', 0),
  jumpIf('equal', 'without a cause'),
  store(at(eduRegister.acknowledge), 'eax'),
  addTo(resultAddress('accesses'), 1),
  addTo(resultAddress('interrupts'), 1),
  jump('end of interrupt'),
  label('without a cause'),
  addTo(resultAddress('spurious'), 1),
  label('end of interrupt'),
  store(lapic.eoi, 0),
  restoreRegisters,
  interruptReturn,
]

/** Starts at its first instruction; `interrupt` is its handler. */
export function eduProgram({ interrupts, rounds, raises, transfers, endsInFlight }: EduProgramOptions): Piece[] {
  return [
    mov('esp', guestLayout.stackTop),
    loadInterruptTable(guestLayout.interruptTablePointer),
    store(lapic.spurious, lapic.enable),
    ...findDevice,
    ...placeBar,
    ...(interrupts === 'msi' ? useMsi : useLine),
    ...mark(guestMark.start),
    ...touchRegisters(rounds),
    ...takeInterrupts(raises),
    ...transferData(transfers),
    ...mark(guestMark.end),
    ...(endsInFlight ? startLastTransfer : []),
    label('done'),
    disableInterrupts,
    halt,
    jump('done'),
    ...routines,
  ]
}
