// Everything about an assigned device that changes while a guest uses it, in one plain object. What a reset does to each
// field is a table with a reason for each: a field that is not in it does not compile.
import type { ResetReport } from '../reset/report.js'

/** `resetting`: the procedure owns the device, and the guest sees nobody answer. */
export type Phase = 'live' | 'resetting' | 'closed'

/** Why the device is kept quiet. */
export interface Quarantine {
  readonly reason: string
  /** A reset is still running in the kernel: any access to the device would wait for it. */
  readonly stuck: boolean
}

export interface DeviceState {
  phase: Phase
  quarantine: Quarantine | undefined
  /** The IOMMU was told to let none of its DMA through. */
  contained: boolean
  lastReset: ResetReport | undefined
  /** I/O Space, Memory Space and Bus Master, as the guest has them. */
  command: number
  interruptLine: number
  /** Address bits of the six BAR registers, as last written. */
  bars: number[]
  /** Address bits and enable bit of the expansion ROM's register. */
  rom: number
  /** 0 for D0 to 3 for D3hot; undefined where the device does not say. */
  powerState: number | undefined
  /** Enable and Function Mask. */
  msixControl: number
  msixTable: Uint8Array
  /** One byte for each vector that is pending. */
  msixPending: Uint8Array
  /** Enable and Multiple Message Enable. */
  msiControl: number
  msiAddress: bigint
  msiData: number
  msiMask: number
  msiPending: number
}

/** What decides the size of the state. */
export interface StateShape {
  readonly msixVectors: number
}

/** PCIe 6.0 7.7.2.8: bytes of a table entry, and the Mask bit, which is 1 after a reset, in its last dword. */
export const msixEntry = { size: 16, address: 0, data: 8, control: 12, maskBit: 1 } as const

function initialTable(vectors: number): Uint8Array {
  const table = new Uint8Array(vectors * msixEntry.size)
  for (let vector = 0; vector < vectors; vector++) {
    table[vector * msixEntry.size + msixEntry.control] = msixEntry.maskBit
  }
  return table
}

export function initialState({ msixVectors }: StateShape): DeviceState {
  return {
    phase: 'live',
    quarantine: undefined,
    contained: false,
    lastReset: undefined,
    command: 0,
    interruptLine: 0,
    bars: [0, 0, 0, 0, 0, 0],
    rom: 0,
    powerState: 0,
    msixControl: 0,
    msixTable: initialTable(msixVectors),
    msixPending: new Uint8Array(msixVectors),
    msiControl: 0,
    msiAddress: 0n,
    msiData: 0,
    msiMask: 0,
    msiPending: 0,
  }
}

interface Fate {
  readonly onReset: 'initial' | 'kept'
  readonly reason: string
}

/** What a function level reset, a reset of the machine and a D3hot to D0 without NoSoftRst do to each field. */
export const fates: { readonly [Field in keyof DeviceState]: Fate } = {
  phase: { onReset: 'kept', reason: 'the procedure sets it when it begins and when it ends' },
  quarantine: { onReset: 'kept', reason: 'only the verdict of a reset changes it' },
  contained: {
    onReset: 'kept',
    reason: 'the IOMMU keeps it cut off until it is let in again, which takes a clean reset',
  },
  lastReset: { onReset: 'kept', reason: 'evidence, for the owner' },
  command: { onReset: 'initial', reason: 'PCIe 6.0 7.5.1.1.3: every enable bit is 0 after a reset' },
  interruptLine: { onReset: 'initial', reason: 'a scratch register of the guest firmware, which runs again' },
  bars: { onReset: 'initial', reason: 'a reset leaves BARs without addresses (PCIe 6.0 6.6.2)' },
  rom: { onReset: 'initial', reason: 'as the BARs; its enable bit is 0 (PCIe 6.0 7.5.1.2.4)' },
  powerState: { onReset: 'initial', reason: 'the procedure leaves the device in D0, and verifies it' },
  msixControl: { onReset: 'initial', reason: 'Enable and Function Mask are 0 after a reset (PCIe 6.0 7.7.2.2)' },
  msixTable: { onReset: 'initial', reason: 'every Mask bit is 1 after a reset (PCIe 6.0 7.7.2.8)' },
  msixPending: { onReset: 'initial', reason: 'what was pending belongs to the last user' },
  msiControl: {
    onReset: 'initial',
    reason: 'Enable and Multiple Message Enable are 0 after a reset (PCIe 6.0 7.7.1.2)',
  },
  msiAddress: { onReset: 'initial', reason: 'undefined after a reset; the last guest must not be seen in it' },
  msiData: { onReset: 'initial', reason: 'undefined after a reset; the last guest must not be seen in it' },
  msiMask: { onReset: 'initial', reason: 'no vector is masked after a reset (PCIe 6.0 7.7.1.7)' },
  msiPending: { onReset: 'initial', reason: 'what was pending belongs to the last user' },
}

/** Does to the state what a reset does. */
export function resetState(state: DeviceState, shape: StateShape): void {
  const fresh = initialState(shape)
  const take = <Field extends keyof DeviceState>(field: Field): void => {
    state[field] = fresh[field]
  }
  for (const field of Object.keys(fates) as (keyof DeviceState)[]) if (fates[field].onReset === 'initial') take(field)
}

/** Whether the guest reaches the device at all. */
export function isUsable(state: DeviceState): boolean {
  return state.phase === 'live' && state.quarantine === undefined
}
