// Values of options, from their texts.
import { QuiesceError } from '../errors/quiesce-error.js'

/** Refuses a value, naming those that would do. */
function refuse(option: string, text: string, hint: string): never {
  throw new QuiesceError('USAGE', `Cannot use ${option} ${JSON.stringify(text)}: it is not one of its values`, { hint })
}

/** One of several words. */
export function oneOf<const T extends string>(option: string, words: readonly T[]): (text: string) => T {
  return (text) => words.find((word) => word === text) ?? refuse(option, text, `Choose one of ${words.join(', ')}`)
}

/** Several different words, with commas between them, in the order that was given. */
export function listOf<const T extends string>(option: string, words: readonly T[]): (text: string) => readonly T[] {
  return (text) => {
    const hint = `Choose one or several of ${words.join(', ')}, with commas between them, each once`
    const chosen = text
      .split(',')
      .map((part) => words.find((word) => word === part.trim()) ?? refuse(option, text, hint))
    return new Set(chosen).size === chosen.length ? chosen : refuse(option, text, hint)
  }
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }
const longestMs = 24 * 3600 * 1000

/** A time in milliseconds: `500ms`, `30s`, `2m`; a bare number is seconds. */
export function duration(option: string): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text)
    const ms = match === null ? Number.NaN : Math.round(Number(match[1]) * (unitsMs[match[2] ?? 's'] ?? 1))
    if (ms >= 1 && ms <= longestMs) return ms
    return refuse(option, text, 'Write a time such as 500ms, 30s or 2m; more than 0 and at most a day')
  }
}
