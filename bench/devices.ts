import type { DeviceName } from '../test/vm/devices.js'

/** The devices of the VM that are reset: by FLR, by a reset of their bus, by D3hot, and one that cannot be. */
export const resetDevices = ['nvme', 'igb', 'edu-port', 'e1000e', 'edu-root'] as const satisfies readonly DeviceName[]

/** Those that are assigned: one that opens at once, and one that the kernel resets while it opens it. */
export const assignedDevices = ['edu-root', 'nvme'] as const satisfies readonly DeviceName[]

/** Those whose memory is mapped: one by us, one by the program in C. */
export const mappedDevices = ['edu-root', 'edu-root-2'] as const satisfies readonly DeviceName[]
