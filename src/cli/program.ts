// Makes the parser and the help out of the commands' declarations, and runs the one that was called.
import { Command, CommanderError, Option } from 'commander'
import { QuiesceError } from '../errors/quiesce-error.js'
import type { AnyCommand } from './command.js'
import { demoCommand } from './commands/demo.js'
import { listCommand } from './commands/list.js'
import { resetCommand } from './commands/reset.js'
import { serveCommand } from './commands/serve.js'
import { showCommand } from './commands/show.js'
import { type ErrorAsJson, reportError } from './error-output.js'
import { type ExitStatus, exitStatus } from './exit-status.js'
import type { Terminal } from './terminal.js'
import { packageVersion } from './version.js'

export const commands: readonly AnyCommand[] = [demoCommand, listCommand, showCommand, resetCommand, serveCommand]

const about = `Gives PCI devices to virtual machines through VFIO, and takes them back clean.

A device is an address (0000:03:00.0 or 03:00.0), vendor:device ids where only one device has them (8086:10c9), or
sim:<model>, a simulated one that needs no hardware and no privileges.`

const statusHelp = `
Exit status:
  0   done; for reset and serve: every device is clean
  1   failed
  10  quiesced: a device is off the bus, but was not reset
  11  contained: a device could not be shown to be quiet; the IOMMU keeps it from memory
  12  lost: neither; the memory that the device could reach must not be reused
  64  wrong usage
  69  no such device, no IOMMU, or no VFIO
  73  busy: another driver or process owns the device, or a sibling in its group
  77  permission denied`

function examplesHelp(command: AnyCommand): string {
  const width = Math.max(...command.examples.map((example) => example.line.length))
  return ['', 'Examples:', ...command.examples.map(({ line, what }) => `  ${line.padEnd(width)}  # ${what}`)].join('\n')
}

function toOption(spec: AnyCommand['options'][string]): Option {
  const option = new Option(spec.flags, spec.description)
  const { parse, isList } = spec
  if (isList) return option.argParser((text, before: readonly string[] = []) => [...before, text])
  if (parse === undefined) return option
  let isGiven = false
  return option.argParser((text) => {
    // Neither the first nor the last of two would be what whoever typed both had in mind.
    if (isGiven) {
      throw new QuiesceError('USAGE', `Cannot use ${option.long} twice: it takes one value`, {
        hint: `Give it once: ${spec.flags}`,
      })
    }
    isGiven = true
    return parse(text)
  })
}

/** Runs the program with these arguments; never throws. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.done
  const program = new Command('quiesce')
    .description(about)
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: () => undefined,
      getOutHelpWidth: () => terminal.columns ?? 120,
    })
    .addHelpText('after', statusHelp)

  for (const spec of commands) {
    const command = program
      .command(spec.name)
      .summary(spec.summary)
      .description(spec.description)
      .helpOption('-h, --help', 'show this help')
      .addHelpText('after', examplesHelp(spec))
      .action(async () => {
        status = await spec.run(terminal, command.args, command.opts())
      })
    if (spec.arguments !== undefined) command.argument(spec.arguments.usage, spec.arguments.description)
    for (const option of Object.values(spec.options)) command.addOption(toOption(option))
  }

  if (args.length === 0) {
    program.outputHelp()
    return reportUsage('Cannot run: no command was given', 'Try `quiesce demo`, or `quiesce list`', terminal, false)
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    const isStream = commands.some(({ name, isStream }) => name === args[0] && isStream === true)
    const json = args.includes('--json') && (isStream ? 'lines' : true)
    if (error instanceof CommanderError) return finishParsing(error, args, terminal, json)
    return reportError(error, terminal, json)
  }
}

/** commander throws for what it refuses, and also once it has printed a help or the version. */
function finishParsing(
  error: CommanderError,
  args: readonly string[],
  terminal: Terminal,
  json: ErrorAsJson,
): ExitStatus {
  if (error.exitCode === 0) return exitStatus.done
  const [first = ''] = args
  const known = commands.some((command) => command.name === first)
  const detail = error.message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .split('\n')
  return reportUsage(
    `Cannot run ${known ? `quiesce ${first}` : 'quiesce'}: ${detail.join(' ').trim()}`,
    `See \`quiesce ${known ? `${first} ` : ''}--help\``,
    terminal,
    json,
  )
}

function reportUsage(message: string, hint: string, terminal: Terminal, json: ErrorAsJson): ExitStatus {
  return reportError(new QuiesceError('USAGE', message, { hint }), terminal, json)
}
