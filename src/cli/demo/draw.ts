// Turns a play into a time line: lanes from the simulator's ledger, numbered moments from the report.
import { Command } from '../../pci/command.js'
import type { Step } from '../../reset/report.js'
import type { LedgerEntry } from '../../sim/ledger-entry.js'
import type { Lane, Moment, Timeline } from '../timeline/timeline.js'
import type { Play } from './play.js'

type EntryOf<K extends LedgerEntry['kind']> = Extract<LedgerEntry, { kind: K }>

function entriesOf<K extends LedgerEntry['kind']>(play: Play, kind: K): EntryOf<K>[] {
  return play.entries.filter((entry): entry is EntryOf<K> => entry.kind === kind)
}

/** Where a value that changes at some times was on. */
function spansWhere(changes: readonly { at: number; on: boolean }[], endUs: number, glyph: string) {
  return changes.flatMap(({ at, on }, index) =>
    on ? [{ fromUs: at, toUs: changes[index + 1]?.at ?? endUs, glyph, style: 'cyan' as const }] : [],
  )
}

function commandLane(play: Play, label: string, field: 'busMaster' | 'memorySpace'): Lane {
  const changes = entriesOf(play, 'command').map(({ at, after }) => ({ at, on: Command.decode(after)[field] }))
  return { label, spans: spansWhere(changes, play.endUs, '█') }
}

function ownerLane(play: Play): Lane {
  return {
    label: 'memory is of',
    spans: [
      { fromUs: 0, toUs: play.resetEndsUs, glyph: 'A', style: 'blue' },
      { fromUs: play.resetEndsUs, toUs: play.endUs, glyph: 'B', style: 'magenta' },
    ],
  }
}

function resetLane(play: Play): Lane {
  const calls = entriesOf(play, 'kernel-call').filter(({ call, at }) => call !== 'contain' && at >= play.resetBeginsUs)
  const kernel = calls
    .filter(({ phase }) => phase === 'begin')
    .map(({ at }) => ({
      fromUs: at,
      toUs: calls.find((other) => other.phase === 'end' && other.at >= at)?.at ?? play.resetEndsUs,
      glyph: '▓',
      style: 'yellow' as const,
    }))
  const power = entriesOf(play, 'power').filter(({ at, from, to }) => at >= play.resetBeginsUs && from !== to)
  const low = power
    .filter(({ to }) => to === 3)
    .map(({ at }) => ({
      fromUs: at,
      toUs: power.find((other) => other.to === 0 && other.at > at)?.at ?? play.resetEndsUs,
      glyph: 'D',
      style: 'yellow' as const,
    }))
  return {
    label: 'reset',
    spans: [{ fromUs: play.resetBeginsUs, toUs: play.resetEndsUs, glyph: '─', style: 'yellow' }, ...kernel, ...low],
  }
}

function dmaLane(play: Play): Lane {
  const writes = entriesOf(play, 'dma').filter(({ direction }) => direction === 'write')
  return {
    label: 'device writes',
    marks: writes.map((entry) => {
      if (entry.outcome === 'blocked') return { atUs: entry.at, glyph: '○', style: 'dim' }
      return entry.epoch === entry.landedIn
        ? { atUs: entry.at, glyph: '●', style: 'green' }
        : { atUs: entry.at, glyph: '✗', style: 'red' }
    }),
  }
}

/** The steps that a newcomer needs, in their words. */
const stepWords: Partial<Record<Step['step'], (step: Step) => string | undefined>> = {
  quiesce: (step) => {
    if (!step.what.startsWith('clear Bus Master')) return undefined
    return `Quiesce: the Command register is written with Bus Master off (${step.before} -> ${step.after})`
  },
  'read-back': (step) => (step.ok ? undefined : `Read back: ${step.reason ?? 'it did not go off'}`),
  method: (step) => {
    const skipped = step.what.endsWith('skipped')
    if (skipped || step.method === undefined) return undefined
    if (step.what.startsWith('enter')) return `Reset by pm: the device enters ${step.what.slice('enter '.length)}`
    return `Reset by ${step.what}${step.reason === undefined ? '' : ` (${step.reason})`}`
  },
  contain: (step) =>
    step.ok
      ? 'Contain: the IOMMU takes all memory away from the device'
      : `Contain: the IOMMU does not let go (${step.reason ?? 'it failed'})`,
}

function moments(play: Play): Moment[] {
  const { report } = play
  const firstForeign = entriesOf(play, 'dma').find(
    ({ direction, outcome, epoch, landedIn }) => direction === 'write' && outcome === 'landed' && epoch !== landedIn,
  )
  const seen = new Set<string>()
  const steps = report.steps.flatMap((step): Moment[] => {
    const text = stepWords[step.step]?.(step)
    const isCompanion = step.device !== undefined && step.device !== report.device
    const key = `${step.step} ${step.method ?? ''} ${step.what}`
    if (text === undefined || isCompanion || seen.has(key)) return []
    seen.add(key)
    return [{ atUs: play.resetBeginsUs + step.at, text }]
  })
  const skipped = report.attempts.filter(({ result }) => result === 'skipped').map(({ method }) => method)
  const begin = play.scenario.withoutQuiesce
    ? 'The VM resets. Only a reset is asked for'
    : 'The VM resets. Quiesce takes the device back'
  return [
    { atUs: play.dmaStartsUs, text: 'Guest A has the device write into its memory, again and again' },
    {
      atUs: play.resetBeginsUs,
      text: `${begin}${skipped.length === 0 ? '' : ` (not possible on this device: ${skipped.join(', ')})`}`,
    },
    ...steps,
    { atUs: play.resetEndsUs, text: 'Done. The memory goes to guest B' },
    ...(firstForeign === undefined
      ? []
      : [{ atUs: firstForeign.at, text: "The device writes into guest B's memory", style: 'red' as const }]),
  ]
}

export function toTimeline(play: Play): Timeline {
  return {
    endUs: play.endUs,
    moments: moments(play),
    lanes: [
      ownerLane(play),
      commandLane(play, 'Bus Master', 'busMaster'),
      commandLane(play, 'Memory Space', 'memorySpace'),
      resetLane(play),
      dmaLane(play),
    ],
  }
}

export const legend: readonly (readonly [glyph: string, words: string])[] = [
  ['A B', 'whose memory it is'],
  ['█', 'the bit is on in the Command register'],
  ['─', 'the reset procedure at work'],
  ['▓', 'the kernel resets the device'],
  ['D', 'the device is in D3hot'],
  ['●', 'a write lands where it should'],
  ['○', 'a write goes nowhere'],
  ['✗', "a write lands in somebody else's memory"],
]
