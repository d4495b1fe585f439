import { defineCommand, flag, value } from '../command.js'
import { backendOption, jsonOption, sysrootOption } from '../common-options.js'
import { oneOf } from '../option-values.js'

const formats = ['table', 'lspci', 'json'] as const

export const showCommand = defineCommand({
  name: 'show',
  summary: 'the decoded configuration space of a device, and what the guest sees of it',
  description: `Decodes the configuration space of a device: header, BARs, capabilities. Without root the kernel gives only the first
64 bytes, which hold the header. With --guest the device is opened through VFIO and the guest's view is put beside the
hardware's; the kernel resets a device when it is opened, so only do that with a device that nobody uses.`,
  arguments: { usage: '[device]', description: 'an address, vendor:device ids, or sim:<model>' },
  options: {
    format: value('--format <format>', 'table (default), lspci, or json', oneOf('--format', formats)),
    guest: flag('--guest', "open the device and show the guest's view too (this resets it)"),
    dump: value(
      '--dump <file>',
      'decode a dump of lspci -x, -xxx or -xxxx instead; - for standard input',
      (text) => text,
    ),
    backend: backendOption,
    json: jsonOption,
    sysroot: sysrootOption,
  },
  examples: [
    { line: 'quiesce show 0000:03:00.0', what: 'a device of this machine' },
    { line: 'sudo quiesce show 03:00.0 --format lspci', what: 'as lspci -vvv prints it' },
    { line: 'sudo quiesce show 8086:10c9 --guest', what: "the guest's view beside the hardware's" },
    { line: 'quiesce show sim:edu', what: 'a simulated device' },
    { line: 'quiesce show --dump dump.txt', what: 'what lspci -xxxx wrote on another machine' },
  ],
  run: async (...call) => (await import('./run-show.js')).runShow(...call),
})
