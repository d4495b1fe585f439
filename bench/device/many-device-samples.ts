// What the program with many devices reports.

export const manyDeviceSteps = ['open', 'config reads', 'reset', 'close'] as const
export type ManyDeviceStep = (typeof manyDeviceSteps)[number]

/** Milliseconds for each of the devices. */
export type StepTimes = Record<ManyDeviceStep, number[]>

export interface ManyDevices {
  readonly devices: number
  readonly together: StepTimes
  readonly oneByOne: StepTimes
  /** KiB of the heap: for each device while all are open, and in all once they are closed. */
  readonly heapKib: number
  readonly leftKib: number
}
