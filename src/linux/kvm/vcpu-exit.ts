// What a virtual processor stopped for, read out of `struct kvm_run`.
import { kvmConstant, kvmExitReason } from './abi/constants.js'
import { kvmRun, kvmRunFailEntry, kvmRunInternalError, kvmRunIo, kvmRunMmio } from './abi/structs.js'

/** The guest accessed a port or an address that nothing in the kernel answers. */
export interface AccessExit {
  readonly kind: 'port' | 'memory'
  readonly address: bigint
  readonly isWrite: boolean
  /** Bytes of one access. A string instruction makes several, one after the other, at one port. */
  readonly width: number
  /** What the guest writes, or as many zeros as it reads bytes. */
  readonly data: Uint8Array
}

export type VcpuExit =
  | AccessExit
  /** HLT, where the kernel has no interrupt controller that could wake it. */
  | { readonly kind: 'halted' }
  /** The guest cannot go on (a triple fault). */
  | { readonly kind: 'shutdown' }
  /** It was asked to stop. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly reason: string }

/** Where in `struct kvm_run` the data of the last access are. */
export interface ExitData {
  readonly offset: number
  readonly length: number
}

/** The data of an access, if that is what it stopped for. */
export function exitData(run: Uint8Array): ExitData | undefined {
  const reason = kvmRun.decode(run).exit_reason
  if (reason === kvmExitReason.KVM_EXIT_IO) {
    const io = kvmRunIo.decode(run)
    return { offset: Number(io['io.data_offset']), length: io['io.size'] * io['io.count'] }
  }
  if (reason !== kvmExitReason.KVM_EXIT_MMIO) return undefined
  const length = kvmRunMmio.decode(run)['mmio.len']
  return { offset: kvmRunMmio.offsets['mmio.phys_addr'] + 8, length: Math.min(length, 8) }
}

/** Its data are a copy. */
export function decodeExit(run: Uint8Array): VcpuExit {
  const reason = kvmRun.decode(run).exit_reason
  switch (reason) {
    case kvmExitReason.KVM_EXIT_IO: {
      const io = kvmRunIo.decode(run)
      const isWrite = io['io.direction'] === kvmConstant.KVM_EXIT_IO_OUT
      return { kind: 'port', address: BigInt(io['io.port']), isWrite, width: io['io.size'], data: copyOf(run, isWrite) }
    }
    case kvmExitReason.KVM_EXIT_MMIO: {
      const mmio = kvmRunMmio.decode(run)
      const isWrite = mmio['mmio.is_write'] !== 0
      const data = copyOf(run, isWrite)
      return { kind: 'memory', address: mmio['mmio.phys_addr'], isWrite, width: data.length, data }
    }
    case kvmExitReason.KVM_EXIT_HLT:
      return { kind: 'halted' }
    case kvmExitReason.KVM_EXIT_SHUTDOWN:
      return { kind: 'shutdown' }
    case kvmExitReason.KVM_EXIT_INTR:
      return { kind: 'interrupted' }
    case kvmExitReason.KVM_EXIT_FAIL_ENTRY: {
      const why = kvmRunFailEntry.decode(run)['fail_entry.hardware_entry_failure_reason']
      return { kind: 'failed', reason: `the processor refused its state (0x${why.toString(16)})` }
    }
    case kvmExitReason.KVM_EXIT_INTERNAL_ERROR: {
      const why = kvmRunInternalError.decode(run)['internal.suberror']
      return { kind: 'failed', reason: `KVM could not go on (suberror ${why})` }
    }
    default:
      return { kind: 'failed', reason: `KVM stopped with reason ${reason}` }
  }
}

function copyOf(run: Uint8Array, isWrite: boolean): Uint8Array {
  const { offset = 0, length = 0 } = exitData(run) ?? {}
  const copy = new Uint8Array(length)
  if (isWrite) copy.set(run.subarray(offset, offset + length))
  return copy
}
