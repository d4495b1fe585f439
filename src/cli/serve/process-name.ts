import { readFileSync } from 'node:fs'

/** What a process calls itself; undefined where it is gone. */
export function processName(pid: number): string | undefined {
  try {
    // A process may choose any bytes: none of them may move the cursor.
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
      .trim()
      .replaceAll(/[^\x20-\x7e]/g, '?')
  } catch {
    return undefined
  }
}
