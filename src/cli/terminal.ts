// Where output goes and what can be shown there. Commands print through this and nothing else.
import { makePaint, type Paint, wantsColour } from './paint.js'

export interface Terminal {
  /** Results: standard output. */
  print(text: string): void
  /** Everything else: standard error. */
  note(text: string): void
  /** For what is printed. */
  readonly paint: Paint
  /** For what is noted. */
  readonly notePaint: Paint
  /** Columns of the terminal; `undefined` where output goes elsewhere and nothing need be cut. */
  readonly columns: number | undefined
}

export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process
  return {
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    paint: makePaint(wantsColour(env, stdout.isTTY === true)),
    notePaint: makePaint(wantsColour(env, stderr.isTTY === true)),
    columns: stdout.isTTY === true ? stdout.columns : undefined,
  }
}
