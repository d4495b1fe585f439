import { QuiesceError } from '../../errors/quiesce-error.js'
import { defineCommand, flag, value } from '../command.js'
import { jsonOption, sysrootOption } from '../common-options.js'
import { exitStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { toJson } from '../json-output.js'
import { oneOf } from '../option-values.js'
import { loadPciNames } from '../pci-names.js'

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
  async run(terminal, args, options) {
    const [text] = args
    if (text === undefined && options.dump === undefined) {
      throw new QuiesceError('USAGE', 'Cannot show: neither a device nor --dump was given', {
        hint: 'Name a device, for example quiesce show sim:edu',
      })
    }
    // The tables of every capability: only this command needs them.
    const [{ readShown, shownToJson }, { readDump }, { formatShown }, { formatLspciOf }] = await Promise.all([
      import('../shown-device.js'),
      import('../shown-dump.js'),
      import('../show-output.js'),
      import('../show-lspci.js'),
    ])
    const roots = hostRoots(options.sysroot)
    const shown =
      options.dump === undefined
        ? [await readShown(text ?? '', roots, options.guest === true)]
        : readDump(options.dump, text)
    const format = options.json ? 'json' : (options.format ?? 'table')
    if (format === 'json') {
      const objects = shown.map(shownToJson)
      terminal.print(toJson(objects.length === 1 ? objects[0] : objects))
      return exitStatus.done
    }
    const names = loadPciNames()
    const blocks = shown.map((each) =>
      format === 'lspci' ? formatLspciOf(each, names) : formatShown(each, names, terminal.paint, terminal.columns),
    )
    terminal.print(blocks.join('\n\n'))
    return exitStatus.done
  },
})
