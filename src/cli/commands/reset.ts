import { resetMethods, resetOrders } from '../../reset/policy.js'
import { defineCommand, flag, value } from '../command.js'
import { backendOption, jsonOption, sysrootOption } from '../common-options.js'
import { duration, listOf, oneOf } from '../option-values.js'

export const resetCommand = defineCommand({
  name: 'reset',
  summary: 'stop a device, reset it as well as it can be reset, and say what state it is in',
  description: `Stops the DMA of a device, resets it as well as it can be reset, checks by reading back, and says with evidence what
state the device is in. The device must be bound to vfio-pci and used by nobody. Of several devices, all are checked
before the first is touched; the exit status is that of the worst.`,
  arguments: { usage: '<device...>', description: 'addresses, vendor:device ids, or sim:<model>' },
  options: {
    methods: value(
      '--methods <list>',
      'which resets to try, in this order (vfio,hot,pm)',
      listOf('--methods', resetMethods),
    ),
    order: value(
      '--order <order>',
      'quiesce-first, or reset-first for devices that wedge when stopped under DMA',
      oneOf('--order', resetOrders),
    ),
    requireReset: flag(
      '--require-reset',
      'only a clean device may be used again; anything else is reported as not reusable',
    ),
    timeout: value('--timeout <time>', 'how long one method may take (30s, 2m; default 75s)', duration('--timeout')),
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
