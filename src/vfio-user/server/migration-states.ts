// The states of VFIO's migration, version 2, and the way from one to another: <linux/vfio.h>, "enum
// vfio_device_mig_state". PRE_COPY and RESUMING are here, peer-to-peer states are not.
export const migrationStates = { error: 0, stop: 1, running: 2, stopCopy: 3, resuming: 4, preCopy: 6 } as const
export type MigrationState = keyof typeof migrationStates

/** `VFIO_MIGRATION_STOP_COPY` and `VFIO_MIGRATION_PRE_COPY`. */
export const migrationFlags = 0x1n | 0x4n

/** From a state towards another: the next one on the way. What is not there cannot be. */
const next: Readonly<Record<MigrationState, Partial<Record<MigrationState, MigrationState>>>> = {
  running: { stop: 'stop', preCopy: 'preCopy', stopCopy: 'stop', resuming: 'stop' },
  preCopy: { running: 'running', stop: 'running', stopCopy: 'stopCopy', resuming: 'running' },
  stop: { running: 'running', stopCopy: 'stopCopy', resuming: 'resuming', preCopy: 'running' },
  // A device whose state is being saved cannot go back to saving it while it runs.
  stopCopy: { stop: 'stop', running: 'stop', resuming: 'stop' },
  resuming: { stop: 'stop', running: 'stop', stopCopy: 'stop', preCopy: 'stop' },
  // Only a reset leads out of it.
  error: {},
}

const nameByNumber: ReadonlyMap<number, MigrationState> = new Map(
  Object.entries(migrationStates).map(([name, number]) => [number, name as MigrationState]),
)

export function migrationState(number: number): MigrationState | undefined {
  return nameByNumber.get(number)
}

/** The states on the way, the last included; undefined where there is none. */
export function wayTo(from: MigrationState, to: MigrationState): readonly MigrationState[] | undefined {
  const way: MigrationState[] = []
  for (let at = from; at !== to; ) {
    const step = next[at][to]
    if (step === undefined) return undefined
    way.push(step)
    at = step
  }
  return way
}
