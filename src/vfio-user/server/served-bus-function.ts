// Carries a raw PCI function, one of the kit's devices or simulated hardware, to the server.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { InterruptInfo, InterruptKind } from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import { regionIndex } from '../../function/region.js'
import { readBarBytes, readConfigBytes, writeBarBytes, writeConfigBytes } from '../../kit/bus-bytes.js'
import type { BusFunction } from '../../kit/bus-function.js'
import type { ServedClient, ServedDevice, ServedRegion } from './served-device.js'

/** Registers of a function as a region: bytes in, naturally aligned accesses out. */
function region(
  size: number,
  read: (offset: number, into: Uint8Array) => void,
  write: (offset: number, from: Uint8Array) => void,
): ServedRegion {
  const bounded = (offset: bigint, length: number): number => {
    const at = Number(offset)
    if (offset >= 0n && at + length <= size) return at
    throw new QuiesceError(
      'REGION_ACCESS',
      `Cannot access ${length} bytes at 0x${offset.toString(16)}: only ${size} are there`,
    )
  }
  return {
    size: BigInt(size),
    readable: true,
    writable: true,
    read: (offset, into) => read(bounded(offset, into.length), into),
    write: (offset, from) => write(bounded(offset, from.length), from),
  }
}

function barRegion(fn: BusFunction, bar: number, size: number): ServedRegion {
  const trapped = region(
    size,
    (offset, into) => readBarBytes(fn, bar, offset, into),
    (offset, from) => writeBarBytes(fn, bar, offset, from),
  )
  const area = fn.mappable?.(bar)?.area
  if (area === undefined) return trapped
  return {
    ...trapped,
    mappable: [area],
    // Asked for anew each time: every client gets another file.
    get file() {
      return fn.mappable?.(bar)?.file
    },
  }
}

/** A device that the server can offer; `name` is for its events. */
export function servedBusFunction(name: string, fn: BusFunction): ServedDevice {
  const regions: (ServedRegion | undefined)[] = fn.barSizes.map((size, bar) =>
    size === 0 ? undefined : barRegion(fn, bar, size),
  )
  regions[regionIndex.config] = region(
    fn.configSize,
    (offset, into) => readConfigBytes(fn, offset, into),
    (offset, from) => writeConfigBytes(fn, offset, from),
  )
  return {
    name,
    regions,
    canReset: true,
    interruptInfo(kind: InterruptKind): InterruptInfo {
      const isLine = kind === 'intx'
      const common = { maskable: isLine, automasked: isLine, fixedSize: !isLine }
      // Errors and requests are never signalled; QEMU complains where there is no vector for errors.
      if (kind === 'err' || kind === 'req') return { ...common, count: kind === 'err' ? 1 : 0 }
      return { ...common, count: fn.vectors[kind] }
    },
    connect: (client: ServedClient) => fn.connect(client),
    async reset(): Promise<KernelOutcome> {
      await fn.reset()
      return { ok: true }
    },
    quiesce: () => fn.disconnect(),
    migration: fn.migration,
    // The new eventfds are in place once this has returned.
    setInterrupts: () => queueMicrotask(() => fn.interruptsChanged()),
    maskInterrupt: (_kind, _vector, masked) => {
      if (!masked) fn.interruptsChanged()
    },
  }
}
