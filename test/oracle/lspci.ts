// The oracle: lspci of pciutils, decoding a dump.
import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The one that was named, the machine's, or one that was unpacked without being installed. */
export function findLspci(unpacked: readonly string[] = []): string | undefined {
  const named = process.env['QUIESCE_LSPCI']
  return [...(named === undefined ? [] : [named]), '/usr/bin/lspci', ...unpacked].find(isExecutable)
}

/** Decodes every device of a dump, with names from the text of a pci.ids file: the lines by device. */
export function runLspci(lspci: string, dump: string, ids: string): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-oracle-'))
  try {
    const [dumpFile, idsFile] = [join(folder, 'dump'), join(folder, 'pci.ids')]
    writeFileSync(dumpFile, dump)
    writeFileSync(idsFile, ids)
    const output = execFileSync(lspci, ['-F', dumpFile, '-vvv', '-i', idsFile], {
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

/** `--version` prints `lspci version 3.9.0`. */
export function lspciVersion(lspci: string): string {
  return execFileSync(lspci, ['--version'], { encoding: 'utf8' }).trim()
}
