// What a command is: data that says how it is called, and the function that carries it out. `program.ts` makes the
// parser and the help out of it. A declaration is loaded whenever the program starts, the module that does the work
// (`run-*.ts`) only when its command runs.
import type { ExitStatus } from './exit-status.js'
import type { Terminal } from './terminal.js'

export interface OptionSpec<T> {
  /** As in the help: `--timeout <seconds>`. */
  readonly flags: string
  readonly description: string
  /** Makes the value out of the text. @throws QuiesceError `USAGE` */
  readonly parse?: (text: string) => T
  /** May be given several times; `T` is then the list of its texts. */
  readonly isList?: boolean
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>

/** The values of the options that were given. */
export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]?: O[K] extends OptionSpec<infer T> ? T : never
}

export interface Example {
  readonly line: string
  readonly what: string
}

export interface CommandSpec<O extends OptionSpecs = OptionSpecs> {
  readonly name: string
  readonly summary: string
  /** What the help says below the usage line. */
  readonly description: string
  /** Zero, one or several devices or files. */
  readonly arguments?: { readonly usage: string; readonly description: string }
  readonly options: O
  readonly examples: readonly Example[]
  /** With --json it prints one object on each line, errors included. */
  readonly isStream?: boolean
  run(terminal: Terminal, args: readonly string[], options: OptionValues<O>): Promise<ExitStatus>
}

/** A command as the program keeps it, with its options' types forgotten. */
export interface AnyCommand extends Omit<CommandSpec, 'run'> {
  run(terminal: Terminal, args: readonly string[], options: Readonly<Record<string, unknown>>): Promise<ExitStatus>
}

/** Declares a command; the types of its options are inferred. */
export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): AnyCommand {
  return { ...spec, run: (terminal, args, options) => spec.run(terminal, args, options as OptionValues<O>) }
}

/** An option without a value. */
export function flag(name: string, description: string): OptionSpec<boolean> {
  return { flags: name, description }
}

/** An option with a value. */
export function value<T>(flags: string, description: string, parse: (text: string) => T): OptionSpec<T> {
  return { flags, description, parse }
}

/** An option that may be given several times, for texts. */
export function texts(flags: string, description: string): OptionSpec<readonly string[]> {
  return { flags, description, isList: true }
}
