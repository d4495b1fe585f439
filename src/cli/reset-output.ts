// A reset report in plain words.
import type { Attempt, AttemptResult, PendingState, ResetReport, Verdict } from '../reset/report.js'
import type { Paint, Style } from './paint.js'
import { formatTable } from './table.js'

export const verdictWords: Readonly<Record<Verdict, { style: Style; words: string }>> = {
  clean: { style: 'green', words: 'the device was reset, and everything that can be read back says so' },
  quiesced: {
    style: 'yellow',
    words:
      'the device is off the bus and does no DMA, but it was not reset: its registers are as the last user left them',
  },
  contained: {
    style: 'magenta',
    words: 'the device could not be shown to be quiet; the IOMMU lets none of its DMA through',
  },
  lost: {
    style: 'red',
    words: 'the device may still write to memory; the memory that it could reach must not be used again',
  },
}

const pendingWords: Readonly<Record<Exclude<PendingState, 'not-observable'>, string>> = {
  drained: 'nothing is outstanding any more (Transactions Pending reads 0)',
  timeout: 'requests were still outstanding at the end of the wait (Transactions Pending reads 1)',
}

const resultStyle: Readonly<Record<AttemptResult, Style>> = {
  ok: 'green',
  skipped: 'dim',
  unsupported: 'yellow',
  failed: 'red',
  unverified: 'red',
  stuck: 'red',
}

/** Microseconds in the unit that a person would choose. */
export function formatMicroseconds(us: number): string {
  if (us < 1000) return `${us} µs`
  return us < 1_000_000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1_000_000).toFixed(1)} s`
}

/** A method is still running: nobody looked at the device after it, since the access would block. */
function isStuck({ attempts }: ResetReport): boolean {
  return attempts.some(({ result }) => result === 'stuck')
}

function commandLine(report: ResetReport): string {
  const { command } = report
  if (command.before === null && command.after === null)
    return 'could not be read, so nothing was written that derives from it'
  const change = `${command.before ?? 'unknown'} -> ${command.after ?? 'not read back'}`
  if (!command.verified) return `${change}: not shown to be off`
  return isStuck(report)
    ? `${change}, read back: bus mastering, memory and I/O were off before the reset that is still running`
    : `${change}, read back: bus mastering, memory and I/O are off`
}

function pendingLine({ pending, steps }: ResetReport): string {
  if (pending !== 'not-observable') return pendingWords[pending]
  return steps.findLast(({ step }) => step === 'drain')?.reason ?? 'not looked at'
}

function checkedLine(report: ResetReport): string {
  if (isStuck(report)) return 'not looked at: a reset is still running'
  const { verified } = report
  const power = verified.powerState === 'unknown' ? 'power state unknown' : `in ${verified.powerState}`
  return [
    verified.reachable ? 'answers' : 'not shown to answer',
    verified.quiet ? 'quiet' : 'not shown to be quiet',
    power,
    verified.interruptsOff ? 'interrupts off' : 'interrupts not shown to be off',
  ].join(', ')
}

function attemptsTable(attempts: readonly Attempt[], paint: Paint): string[] {
  if (attempts.length === 0) return ['none was tried']
  return formatTable<Attempt>(
    [
      { title: '', cell: ({ method }) => method },
      { title: '', cell: ({ result }) => result, style: ({ result }) => resultStyle[result] },
      { title: '', cell: ({ ms }) => `${ms} ms` },
      { title: '', cell: ({ reason }) => reason ?? '' },
    ],
    attempts,
    paint,
  )
    .split('\n')
    .slice(1)
}

/** One line a step: when, what, and what was read before and after. */
export function stepLines(report: ResetReport, paint: Paint): string[] {
  return report.steps.map((step) => {
    const change =
      step.before !== undefined && step.after !== undefined ? `${step.before} -> ${step.after}` : (step.after ?? '')
    const mark = step.ok ? paint('green', 'ok ') : paint('red', 'no ')
    const detail = [step.what, step.device, step.register, change, step.reason].filter(
      (part) => part !== undefined && part !== '',
    )
    return `${paint('dim', formatMicroseconds(step.at).padStart(10))}  ${mark} ${step.step.padEnd(14)} ${detail.join('  ')}`
  })
}

/** Why the policy is not the default one. */
export function knownDeviceRow({ name, reason, source }: NonNullable<ResetReport['knownDevice']>): [string, string[]] {
  return ['Known device', [`${name}: ${reason} (${source})`]]
}

/** The whole report. */
export function formatReport(report: ResetReport, paint: Paint, withSteps: boolean): string {
  const { style, words } = verdictWords[report.verdict]
  const rows: [string, string[]][] = [
    ['Command', [commandLine(report)]],
    ['Pending', [pendingLine(report)]],
    ['Methods', attemptsTable(report.attempts, paint)],
    ['Checked', [checkedLine(report)]],
  ]
  const containment = report.steps.findLast(({ step }) => step === 'contain')
  if (containment !== undefined) {
    const { ok, reason = 'no reason is known' } = containment
    rows.push(['Contained', [ok ? `the IOMMU has taken all memory away from it: ${reason}` : `no: ${reason}`]])
  }
  if (report.knownDevice !== undefined) rows.push(knownDeviceRow(report.knownDevice))
  const quiet = report.timeToQuietUs === null ? 'never shown' : `after ${formatMicroseconds(report.timeToQuietUs)}`
  const total = report.totalMs === 0 ? 'less than 1 ms' : formatMicroseconds(report.totalMs * 1000)
  rows.push(['Quiet', [`${quiet}; the whole procedure took ${total}`]])
  if (report.policy.requireReset && !report.reusable)
    rows.push(['Reuse', [paint('red', 'refused: only a clean device may be used again')]])
  if (withSteps) rows.push(['Steps', stepLines(report, paint)])
  return [
    `${paint('bold', report.device)}  ${paint([style, 'bold'], report.verdict.toUpperCase())}: ${words}`,
    ...rows.flatMap(([title, lines]) =>
      lines.map((line, index) => `  ${paint('dim', (index === 0 ? title : '').padEnd(12))}  ${line}`),
    ),
  ].join('\n')
}
