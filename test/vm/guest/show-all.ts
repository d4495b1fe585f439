// In the guest: every function as `lspci -vvv` and as `quiesce show --format lspci` print it, side by side.
import { readdirSync } from 'node:fs'
import { makePaint } from '../../../src/cli/paint.js'
import { runProgram } from '../../../src/cli/program.js'
import { addressOf, deviceAddresses } from './addresses.js'
import { bindToVfio, createVirtualFunctions } from './binding.js'
import { run } from './command.js'
import { report } from './report.js'

export interface ShownTwice {
  readonly address: string
  readonly lspci: string
  readonly ours: string
  readonly status: number
}

const { igb, ...others } = deviceAddresses()
bindToVfio(...Object.values(others))
if (igb !== undefined) bindToVfio(...createVirtualFunctions(addressOf('igb'), 1))

const { stdout } = await run('lspci', ['-D', '-vvv'])
const blocks = new Map(stdout.split(/\n\n/).map((block) => [block.slice(0, block.indexOf(' ')), block]))
const paint = makePaint(false)
for (const address of readdirSync('/sys/bus/pci/devices')) {
  let ours = ''
  const print = (text: string): void => {
    ours += `${text}\n`
  }
  const terminal = { print, note: print, paint, notePaint: paint, columns: undefined }
  const status = await runProgram(['show', address, '--format', 'lspci'], terminal)
  const entry: ShownTwice = { address, lspci: blocks.get(address) ?? '', ours, status }
  report(entry)
}
