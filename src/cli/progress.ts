// One line on standard error once something has taken longer than a person expects, and again now and then.
import type { Terminal } from './terminal.js'

const firstAfterMs = 500
const againEveryMs = 10_000

/** Says what is being waited for, until disposed. `what` is asked each time. */
export function showProgress(terminal: Terminal, what: () => string): Disposable {
  const started = Date.now()
  const say = (): void => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1)
    terminal.note(terminal.notePaint('dim', `... ${what()} (${seconds} s)`))
  }
  let again: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    say()
    again = setInterval(say, againEveryMs)
  }, firstAfterMs)
  return {
    [Symbol.dispose]() {
      clearTimeout(first)
      clearInterval(again)
    },
  }
}
