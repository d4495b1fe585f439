import { QuiesceError } from '../../errors/quiesce-error.js'
import { play } from '../demo/play.js'
import { gallery, story } from '../demo/scenario.js'
import { ending, introduction, tell } from '../demo/tell.js'
import { type ExitStatus, exitStatus } from '../exit-status.js'
import { toJson } from '../json-output.js'
import type { Terminal } from '../terminal.js'

export interface DemoOptions {
  readonly json?: boolean
}

export async function runDemo(terminal: Terminal, _args: readonly string[], options: DemoOptions): Promise<ExitStatus> {
  const { paint, columns } = terminal
  if (!options.json) terminal.print(introduction(paint, columns))
  const plays = []
  for (const scenario of [...story, ...gallery]) {
    const played = await play(scenario)
    plays.push(played)
    if (!options.json) terminal.print(`\n${tell(played, paint, columns)}`)
  }
  if (options.json) {
    const scenes = plays.map(({ scenario, report, landedBefore, landedAfter, bytesOverwritten }) => ({
      id: scenario.id,
      title: scenario.title,
      landedBefore,
      landedAfter,
      bytesOverwritten,
      report,
    }))
    terminal.print(toJson({ schema: 'quiesce.demo/1', scenes }))
  } else terminal.print(`\n${ending(plays, paint)}`)

  const wrong = plays.filter(({ scenario, report }) => report.verdict !== scenario.expected)
  if (wrong.length === 0) return exitStatus.done
  throw new QuiesceError(
    'SYSTEM',
    `Cannot tell the story: ${wrong.map(({ scenario }) => scenario.id).join(', ')} ended otherwise`,
    {
      hint: 'This is a defect of Quiesce; please report it',
    },
  )
}
