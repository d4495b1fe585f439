// Where output goes and what can be shown there. Commands print through this and nothing else.
import { LiveLines } from './live-lines.js'
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
  /** Shows lines below all else, instead of those before. Only where somebody can watch standard error. */
  readonly showLive?: (lines: readonly string[]) => void
}

/** Where a terminal does not say how wide it is. */
const usualColumns = 80

export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process
  const live =
    stderr.isTTY === true
      ? new LiveLines(
          (text) => stderr.write(text),
          () => stderr.columns || usualColumns,
        )
      : undefined
  const above = (write: () => void): void => (live === undefined ? write() : live.above(write))
  return {
    print: (text) => above(() => stdout.write(`${text}\n`)),
    note: (text) => above(() => stderr.write(`${text}\n`)),
    ...(live === undefined ? {} : { showLive: (lines: readonly string[]) => live.show(lines) }),
    paint: makePaint(wantsColour(env, stdout.isTTY === true)),
    notePaint: makePaint(wantsColour(env, stderr.isTTY === true)),
    columns: stdout.isTTY === true ? stdout.columns : undefined,
  }
}
