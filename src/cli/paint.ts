// Colour, where it is wanted. https://no-color.org and https://force-color.org
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan'

/** Styles a text, or leaves it as it is where colour is off. */
export type Paint = (style: Style | readonly Style[], text: string) => string

/** FORCE_COLOR decides if it is set; then NO_COLOR; then whether the stream is a terminal that knows colour. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = env
  if (force !== undefined) return force !== '0' && force !== 'false'
  if (no !== undefined && no !== '') return false
  return isTerminal && term !== 'dumb'
}

export function makePaint(enabled: boolean): Paint {
  if (!enabled) return (_style, text) => text
  return (style, text) =>
    text === '' ? text : styleText(typeof style === 'string' ? style : [...style], text, { validateStream: false })
}
