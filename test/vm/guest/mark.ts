// In the guest: puts a mark into QEMU's trace, so that a test can tell what was written to a device between two of them.
import { closeSync, openSync, writeSync } from 'node:fs'

/** Sets mark `number`, from 1 to 255, once in a run. The register is a scratch one (see ../config-trace.ts). */
export function mark(number: number): void {
  const file = openSync('/sys/bus/pci/devices/0000:00:1f.0/config', 'r+')
  try {
    writeSync(file, Uint8Array.of(number), 0, 1, 0x3c)
  } finally {
    closeSync(file)
  }
}
