// What a reset would do, in plain words.
import type { Paint } from './paint.js'
import { formatMicroseconds, knownDeviceRow } from './reset-output.js'
import type { PlannedMethod, ResetPlan } from './reset-plan.js'

function methodLine({ method, applies, reason }: PlannedMethod, paint: Paint): string {
  const word =
    applies === 'unknown'
      ? paint('yellow', 'unknown   ')
      : applies
        ? paint('green', 'applies   ')
        : paint('dim', 'would skip')
  return `${method.padEnd(5)} ${word}  ${reason}`
}

export function formatPlan(plan: ResetPlan, paint: Paint): string {
  const { policy } = plan
  const rows: [string, string[]][] = [
    [
      'Order',
      [
        policy.order === 'quiesce-first'
          ? 'stop its DMA first (Bus Master, Memory Space, I/O Space off), then reset'
          : 'reset first, then stop its DMA',
      ],
    ],
    ['Methods', plan.methods.map((method) => methodLine(method, paint))],
    [
      'Hot reset',
      [plan.scope === null ? 'not possible' : `would reset ${plan.scope.map((each) => each.address).join(', ')}`],
    ],
    ...(plan.knownDevice === undefined ? [] : [knownDeviceRow(plan.knownDevice)]),
    ['Deadline', [`${formatMicroseconds(policy.methodTimeoutMs * 1000)} for each method`]],
    ['Kernel', [plan.kernel.release]],
    ...plan.blockers.map((blocker): [string, string[]] => ['In the way', [blocker.reason, paint('dim', blocker.hint)]]),
  ]
  const head = plan.ready ? paint('green', 'could be reset now') : paint('yellow', 'cannot be reset now')
  return [
    `${paint('bold', plan.device)}  ${head}; nothing was changed`,
    ...rows.flatMap(([title, lines]) =>
      lines.map((line, index) => `  ${paint('dim', (index === 0 ? title : '').padEnd(12))}  ${line}`),
    ),
  ].join('\n')
}
