// What there is to measure, and what of it is asked for.
import { parseArgs } from 'node:util'

export const partNames = ['listing', 'reset', 'device', 'memory', 'vfio-user'] as const
export type Part = (typeof partNames)[number]

export interface BenchOptions {
  readonly json: boolean
  readonly rounds: number
  readonly vm: boolean
  readonly parts: ReadonlySet<Part>
  /** How much memory is mapped in large pieces. */
  readonly gib: number
}

export const usage = `Usage: npm run bench -- [--json] [--rounds N] [--no-vm] [--only ${partNames.join(',')}] [--gib N]`

/** Undefined where the arguments make no sense. */
export function parseOptions(): BenchOptions | undefined {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '15' },
        'no-vm': { type: 'boolean', default: false },
        only: { type: 'string', default: partNames.join(',') },
        gib: { type: 'string', default: '8' },
      },
    })
    const [rounds, gib] = [Number(values.rounds), Number(values.gib)]
    const names = values.only.split(',')
    const parts = new Set(partNames.filter((part) => names.includes(part)))
    const isSound = isCount(rounds) && isCount(gib) && parts.size === names.length
    return isSound ? { json: values.json, rounds, vm: !values['no-vm'], parts, gib } : undefined
  } catch {
    return undefined
  }
}

const isCount = (value: number) => Number.isInteger(value) && value > 0
