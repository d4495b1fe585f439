import type { DeviceName } from '../test/vm/devices.js'

/** The devices of the VM that are reset: by FLR, by a reset of their bus, by D3hot, and one that cannot be. */
export const resetDevices = ['nvme', 'igb', 'edu-port', 'e1000e', 'edu-root'] as const satisfies readonly DeviceName[]
