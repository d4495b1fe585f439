// The oracle: lspci of pciutils, decoding a dump. Its wording changes from release to release, so it must be the one that
// we follow: that of the packages of the test VM.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundledCommand } from '../vm/bundled-command.js'
import { obtainParts } from '../vm/packages.js'

/** The release whose wording `--format lspci` follows. */
export const oracleRelease = '3.13'

export interface Lspci {
  readonly command: readonly string[]
  /** The text of its pci.ids. */
  readonly ids: string
}

function versionOf(command: readonly string[]): string | undefined {
  const [program = '', ...args] = command
  try {
    return /version (\S+)/.exec(execFileSync(program, [...args, '--version'], { encoding: 'utf8' }))?.[1]
  } catch {
    return undefined
  }
}

/** What `QUIESCE_LSPCI` names, else that of the test VM's packages, else the machine's; or why there is none. */
export async function findLspci(): Promise<Lspci | string> {
  const seen: string[] = []
  const accept = (command: readonly string[], idsFile: string): Lspci | undefined => {
    const version = versionOf(command)
    if (version?.startsWith(`${oracleRelease}.`)) return { command, ids: readFileSync(idsFile, 'utf8') }
    if (version !== undefined) seen.push(`${command.at(-1)} is ${version}`)
    return undefined
  }
  const systemIds = '/usr/share/misc/pci.ids'
  const named = process.env['QUIESCE_LSPCI']
  if (named !== undefined) {
    return accept([named], systemIds) ?? `QUIESCE_LSPCI is not lspci ${oracleRelease}: ${seen.join(', ') || named}`
  }
  const parts = await obtainParts()
  const bundled = parts.available
    ? accept(bundledCommand(parts.root, 'usr/bin/lspci'), join(parts.root, 'usr/share/misc/pci.ids'))
    : undefined
  const found = bundled ?? accept(['/usr/bin/lspci'], systemIds)
  const why = parts.available ? '' : `: ${parts.reason}`
  return found ?? `no lspci ${oracleRelease} here (${seen.join(', ') || 'no other either'})${why}`
}

/** Decodes every device of a dump, with names from the text of a pci.ids file: the lines by device. */
export function runLspci({ command }: Lspci, dump: string, ids: string): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-oracle-'))
  try {
    const [dumpFile, idsFile] = [join(folder, 'dump'), join(folder, 'pci.ids')]
    writeFileSync(dumpFile, dump)
    writeFileSync(idsFile, ids)
    const [program = '', ...args] = [...command, '-F', dumpFile, '-vvv', '-i', idsFile]
    const output = execFileSync(program, args, {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return output
      .trimEnd()
      .split('\n\n')
      .map((device) => device.split('\n').filter((line) => line !== ''))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
