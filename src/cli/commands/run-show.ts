import { QuiesceError } from '../../errors/quiesce-error.js'
import type { PciNames } from '../../pci/names.js'
import type { Backend } from '../common-options.js'
import { type ExitStatus, exitStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { toJson } from '../json-output.js'
import { loadPciNames } from '../pci-names.js'
import { formatShown } from '../show-output.js'
import { readShown, type ShownDevice, shownToJson } from '../shown-device.js'
import { readDump } from '../shown-dump.js'
import type { Terminal } from '../terminal.js'

export interface ShowOptions {
  readonly format?: 'table' | 'lspci' | 'json'
  readonly guest?: boolean
  readonly dump?: string
  readonly backend?: Backend
  readonly json?: boolean
  readonly sysroot?: string
}

export async function runShow(terminal: Terminal, args: readonly string[], options: ShowOptions): Promise<ExitStatus> {
  const [text] = args
  if (text === undefined && options.dump === undefined) {
    throw new QuiesceError('USAGE', 'Cannot show: neither a device nor --dump was given', {
      hint: 'Name a device, for example quiesce show sim:edu',
    })
  }
  const roots = hostRoots(options.sysroot)
  const shown =
    options.dump === undefined
      ? [await readShown(text ?? '', roots, options.guest === true ? (options.backend ?? 'auto') : undefined)]
      : readDump(options.dump, text)
  const format = options.json ? 'json' : (options.format ?? 'table')
  if (format === 'json') {
    const objects = shown.map(shownToJson)
    terminal.print(toJson(objects.length === 1 ? objects[0] : objects))
    return exitStatus.done
  }
  const names = loadPciNames()
  const formatOne = format === 'lspci' ? await lspciFormat(names) : tableFormat(names, terminal)
  terminal.print(shown.map(formatOne).join('\n\n'))
  return exitStatus.done
}

type Format = (shown: ShownDevice) => string

function tableFormat(names: PciNames, { paint, columns }: Terminal): Format {
  return (shown) => formatShown(shown, names, paint, columns)
}

/** What lspci says of every capability: loaded only where it is asked for. */
async function lspciFormat(names: PciNames): Promise<Format> {
  const { formatLspciOf } = await import('../show-lspci.js')
  return (shown) => formatLspciOf(shown, names)
}
