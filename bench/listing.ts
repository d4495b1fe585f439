// `quiesce list --all` beside `lspci`: whole processes, from their start to their end, one after the other.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))

/** What is compared. The first is the floor of every Node program; the second adds the parser and the declarations of the commands. */
const commandLines = {
  'node -e 0': [process.execPath, '-e', '0'],
  'quiesce --version': [process.execPath, program, '--version'],
  'quiesce list --all': [process.execPath, program, 'list', '--all'],
  'quiesce list --all --json': [process.execPath, program, 'list', '--all', '--json'],
  lspci: ['lspci'],
} as const

export type ListingCommand = keyof typeof commandLines

/** Milliseconds of each run; a command that is not here has none. */
export type ListingSamples = Readonly<Record<ListingCommand, readonly number[]>>

export interface Listing {
  /** How many functions lspci names, so that it is clear how much work it was. */
  readonly functions: number
  readonly samples: ListingSamples
}

/** Runs every command `rounds` times, interleaved, after one run of each that does not count. */
export function measureListing(rounds: number): Listing {
  const samples: Record<ListingCommand, number[]> = {
    'node -e 0': [],
    'quiesce --version': [],
    'quiesce list --all': [],
    'quiesce list --all --json': [],
    lspci: [],
  }
  let functions = 0
  for (let round = 0; round <= rounds; round++) {
    for (const name of Object.keys(commandLines) as ListingCommand[]) {
      const [command, ...args] = commandLines[name]
      const began = performance.now()
      const { status, stdout } = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' })
      const ms = performance.now() - began
      if (status !== 0) continue
      if (name === 'lspci') functions = stdout.trimEnd().split('\n').length
      if (round > 0) samples[name].push(ms)
    }
  }
  return { functions, samples }
}
