import { QuiesceError } from '../../errors/quiesce-error.js'
import { defineCommand } from '../command.js'
import { jsonOption } from '../common-options.js'
import { exitStatus } from '../exit-status.js'
import { toJson } from '../json-output.js'

export const demoCommand = defineCommand({
  name: 'demo',
  summary: 'the whole story on simulated devices: no hardware, no root, no network',
  description: `Plays, on simulated devices, what happens to memory when a virtual machine resets while its device writes into it:
without the quiesce and with it, then one device for each way to reset and for each verdict. Takes a second or two.`,
  options: { json: jsonOption },
  examples: [
    { line: 'quiesce demo', what: 'the same as npm start' },
    { line: 'quiesce demo --json', what: 'the reports and what truly landed, for programs' },
  ],
  async run(terminal, _args, options) {
    const [{ gallery, story }, { play }, { ending, introduction, tell }] = await Promise.all([
      import('../demo/scenario.js'),
      import('../demo/play.js'),
      import('../demo/tell.js'),
    ])
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
  },
})
