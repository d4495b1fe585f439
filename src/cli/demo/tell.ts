// The demonstration in words and pictures.
import type { Paint } from '../paint.js'
import { formatMicroseconds, verdictWords } from '../reset-output.js'
import { drawTimeline } from '../timeline/timeline.js'
import { legend, toTimeline } from './draw.js'
import type { Play } from './play.js'

const widest = 110

/** Breaks at spaces. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

export function introduction(paint: Paint, columns: number | undefined): string {
  const width = Math.min(columns ?? 100, widest)
  const text =
    'A virtual machine was given a PCI device and has it write into its memory by DMA. Then the machine resets, and the memory is handed to somebody else. Does the device know? These devices are simulated, with a clock of their own; the reset procedure is the one that runs on real ones.'
  return [
    paint('bold', 'Quiesce: giving PCI devices back clean'),
    '',
    ...wrap(text, width),
    '',
    paint('dim', 'How to read the time lines (time is stretched where much happens; the list gives the true times):'),
    ...legend.map(([glyph, words]) => `  ${glyph.padEnd(4)} ${words}`),
  ].join('\n')
}

function outcomeLine(play: Play, paint: Paint): string {
  const { landedAfter, bytesOverwritten, example } = play
  if (landedAfter === 0) return paint('green', "Nothing landed in guest B's memory.")
  const detail =
    example === undefined
      ? ''
      : ` At offset ${example.offset} guest B wrote ${example.expected} and finds ${example.found}.`
  return paint(
    'red',
    `${landedAfter} writes landed in guest B's memory; ${bytesOverwritten} bytes are overwritten.${detail}`,
  )
}

export function tell(play: Play, paint: Paint, columns: number | undefined): string {
  const width = Math.min(columns ?? 100, widest)
  const { scenario, report } = play
  const { style, words } = verdictWords[report.verdict]
  const by = report.attempts.find(({ result }) => result === 'ok')
  const how = by === undefined ? '' : `, reset by ${by.method} in ${formatMicroseconds(by.ms * 1000)}`
  const quiet = report.timeToQuietUs === null ? '' : `, quiet after ${formatMicroseconds(report.timeToQuietUs)}`
  return [
    paint('bold', `── ${scenario.title} ${'─'.repeat(Math.max(3, width - scenario.title.length - 4))}`),
    ...wrap(`${scenario.device}: ${scenario.lesson}`, width),
    '',
    ...drawTimeline(toTimeline(play), paint, width),
    '',
    `  ${paint([style, 'bold'], report.verdict.toUpperCase())}${how}${quiet}: ${words}.`,
    `  ${outcomeLine(play, paint)}`,
  ].join('\n')
}

export function ending(plays: readonly Play[], paint: Paint): string {
  const width = Math.max(...plays.map(({ scenario }) => scenario.title.length))
  const rows = plays.map(({ scenario, report, landedAfter }) => {
    const { style } = verdictWords[report.verdict]
    const landed = landedAfter === 0 ? paint('green', 'nothing landed') : paint('red', `${landedAfter} writes landed`)
    return `  ${scenario.title.padEnd(width)}  ${paint(style, report.verdict.padEnd(9))}  ${landed}`
  })
  return [
    paint('bold', 'After the reset, in the memory of the next owner:'),
    ...rows,
    '',
    'Try it: quiesce reset sim:nvme --steps    quiesce show sim:edu    quiesce list',
  ].join('\n')
}
