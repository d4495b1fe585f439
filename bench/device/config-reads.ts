// One read of config space, as a guest causes it and as bare as it can be.
import { readSync } from 'node:fs'
import type { AssignedDevice } from '../../src/device/assigned-device.js'
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import { readAt } from '../../src/linux/positioned-io.js'
import { headerOffset } from '../../src/pci/header.js'
import { type Turns, timeBatches } from '../by-turns.js'

/** Revision and class: a dword that no rule is about, and that the kernel reads from the hardware. */
const passedThrough = headerOffset.revision
const emulated = headerOffset.bar0

export const configReadWays = ['pread', 'fs.readSync', 'function', 'passed through', 'emulated'] as const
/** Microseconds of one read, by batches. */
export type ConfigReads = Readonly<Record<(typeof configReadWays)[number], readonly number[]>>

export interface ConfigFile {
  readonly fd: number
  /** Where config space begins in it. */
  readonly start: number
}

export function measureConfigReads(
  fn: PhysicalFunction,
  device: AssignedDevice,
  { fd, start }: ConfigFile,
  turns: Turns,
): ConfigReads {
  const bytes = new Uint8Array(4)
  const position = start + passedThrough
  return timeBatches(
    {
      pread: () => {
        if (!readAt(fd, position, bytes).ok) throw new Error('pread failed')
      },
      'fs.readSync': () => {
        if (readSync(fd, bytes, 0, 4, position) !== 4) throw new Error('fs.readSync failed')
      },
      function: () => {
        fn.config.read(passedThrough, 4)
      },
      'passed through': () => {
        device.readConfig(passedThrough, 4)
      },
      emulated: () => {
        device.readConfig(emulated, 4)
      },
    },
    turns,
  )
}
