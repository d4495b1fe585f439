import { defineCommand, flag } from '../command.js'
import { jsonOption, sysrootOption } from '../common-options.js'

export const listCommand = defineCommand({
  name: 'list',
  summary: 'the PCI devices of this machine, and whether each can be assigned',
  description:
    'Lists the PCI devices of this machine: what they are, who holds them, how they can be reset, and whether each can be given to a virtual machine. Reads sysfs only; needs no privileges and changes nothing.',
  options: {
    all: flag('--all', "also bridges and the machine's own functions"),
    json: jsonOption,
    sysroot: sysrootOption,
  },
  examples: [
    { line: 'quiesce list', what: 'devices that one would assign' },
    { line: 'quiesce list --all', what: 'every PCI function, as lspci shows them' },
    { line: "quiesce list --json | jq '.devices[] | select(.assignable).address'", what: 'for programs' },
  ],
  run: async (...call) => (await import('./run-list.js')).runList(...call),
})
