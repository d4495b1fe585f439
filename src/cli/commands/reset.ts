import { defineCommand, flag } from '../command.js'
import { backendOption, jsonOption, sysrootOption } from '../common-options.js'
import { policyOptions } from '../policy-options.js'

export const resetCommand = defineCommand({
  name: 'reset',
  summary: 'stop a device, reset it as well as it can be reset, and say what state it is in',
  description: `Stops the DMA of a device, resets it as well as it can be reset, checks by reading back, and says with evidence what
state the device is in. The device must be bound to vfio-pci and used by nobody. Of several devices, all are checked
before the first is touched; the exit status is that of the worst.`,
  arguments: { usage: '<device...>', description: 'addresses, vendor:device ids, or sim:<model>' },
  options: {
    ...policyOptions,
    dryRun: flag('--dry-run', 'say what would be done; open nothing, change nothing'),
    steps: flag('--steps', 'print every step with its time'),
    backend: backendOption,
    json: jsonOption,
    sysroot: sysrootOption,
  },
  examples: [
    { line: 'quiesce reset 0000:03:00.0', what: 'one device' },
    { line: 'quiesce reset 03:00.0 03:00.1 --json', what: 'two functions at once, for programs' },
    { line: 'quiesce reset 03:00.0 --dry-run', what: 'what would happen, and what else would be reset' },
    { line: 'quiesce reset 8086:10c9 --methods pm --timeout 5s', what: 'only D0-D3hot-D0' },
    { line: 'quiesce reset sim:edu --steps', what: 'a simulated device: no hardware, no root' },
  ],
  run: async (...call) => (await import('./run-reset.js')).runReset(...call),
})
