import type { Terminal } from '../../../src/cli/terminal.js'

/** A terminal without colour that keeps what is printed and noted. */
export function recorder(): { terminal: Terminal; printed: string[]; noted: string[] } {
  const printed: string[] = []
  const noted: string[] = []
  const terminal: Terminal = {
    print: (text) => void printed.push(text),
    note: (text) => void noted.push(text),
    paint: (_style, text) => text,
    notePaint: (_style, text) => text,
    columns: undefined,
  }
  return { terminal, printed, noted }
}
