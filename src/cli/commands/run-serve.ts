import { QuiesceError } from '../../errors/quiesce-error.js'
import type { Backend } from '../common-options.js'
import { type ExitStatus, exitStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { type PolicyOptions, policyOf } from '../policy-options.js'
import { assertReady, readTargets, type Target } from '../reset-targets.js'
import { eventToJson } from '../serve/event-json.js'
import { eventToWords } from '../serve/event-words.js'
import { listenFor } from '../serve/listen.js'
import type { DeviceOrder } from '../serve/make-device.js'
import { OfferedDevice, startThread } from '../serve/offered-device.js'
import { passedSockets } from '../serve/passed-sockets.js'
import { qemuLines } from '../serve/qemu-arguments.js'
import { serveDevices } from '../serve/serve-devices.js'
import type { ServeEvent } from '../serve/serve-event.js'
import { socketPaths } from '../serve/socket-paths.js'
import type { Terminal } from '../terminal.js'

export interface ServeOptions extends PolicyOptions {
  readonly socket?: readonly string[]
  readonly raw?: boolean
  readonly dryRun?: boolean
  readonly steps?: boolean
  readonly backend?: Backend
  readonly json?: boolean
  readonly sysroot?: string
}

export async function runServe(
  terminal: Terminal,
  args: readonly string[],
  options: ServeOptions,
): Promise<ExitStatus> {
  const roots = hostRoots(options.sysroot)
  const targets = await readTargets(args, roots)
  assertRawFits(targets, options)
  await assertReady(targets, 'serve')
  assertApart(targets)
  const { socket: sockets = [], json = false, raw: isRaw = false, steps: withSteps = false } = options
  const names = targets.map(({ name }) => name)
  const tell = (name: string, event: ServeEvent): void => {
    const at = new Date()
    const { paint } = terminal
    const said = json ? eventToJson(name, event, at) : eventToWords(name, event, at, { paint, withSteps, isRaw })
    if (said !== undefined) terminal.print(said)
  }
  const tellPlaces = (kind: 'planned' | 'serving', paths: readonly (string | undefined)[]): void => {
    for (const [index, name] of names.entries()) tell(name, { kind, socket: paths[index] })
    const known = paths.filter((path) => path !== undefined)
    if (!json && known.length > 0) terminal.print(qemuHelp(known, terminal))
  }

  if (options.dryRun) {
    const passed = sockets.length === 0 ? passedSockets(names) : []
    tellPlaces('planned', passed.length === 0 ? socketPaths(names, sockets) : passed.map(({ path }) => path))
    return exitStatus.done
  }
  if (!roots.isThisMachine && targets.some(({ kind }) => kind === 'pci')) {
    throw new QuiesceError('USAGE', 'Cannot serve below --sysroot: the devices there are not of this machine', {
      hint: 'Add --dry-run, or leave --sysroot out',
    })
  }
  const places = listenFor(names, sockets)
  try {
    const policy = policyOf(options)
    const devices = targets.map(({ kind, name }, index) => {
      const order: DeviceOrder = { kind: isRaw ? 'raw' : kind, name, backend: options.backend ?? 'auto', policy }
      const place = places[index]
      if (place === undefined) throw new Error(`${name} has no place`)
      return new OfferedDevice(order, place, (event) => tell(name, event))
    })
    return await serveDevices(devices, terminal, {
      start: startThread,
      isLive: !json,
      onServing: () =>
        tellPlaces(
          'serving',
          places.map(({ path }) => path),
        ),
    })
  } finally {
    for (const place of places) place[Symbol.dispose]()
  }
}

function qemuHelp(sockets: readonly string[], { paint }: Terminal): string {
  const what = `QEMU 10.1 or newer attaches ${sockets.length === 1 ? 'it' : 'them'} with these; size is that of the guest's memory:`
  return [paint('dim', what), ...qemuLines(sockets).map((line) => `  ${line}`)].join('\n')
}

/** @throws QuiesceError `USAGE` where --raw makes no sense */
function assertRawFits(targets: readonly Target[], options: ServeOptions): void {
  if (options.raw !== true) return
  const physical = targets.find(({ kind }) => kind === 'pci')
  if (physical !== undefined) {
    throw new QuiesceError('USAGE', `Cannot serve ${physical.name} with --raw: it is no simulated device`, {
      device: physical.name,
      hint: 'Leave --raw out',
    })
  }
  if (Object.keys(policyOf(options)).length > 0) {
    throw new QuiesceError('USAGE', 'Cannot use --raw with options of a reset: bare hardware has no procedure', {
      hint: 'Leave --raw out, or --methods, --order, --require-reset and --timeout',
    })
  }
}

/** Devices of one group have one address space: the memory of a client of one would be within reach of the others. */
function assertApart(targets: readonly Target[]): void {
  const byGroup = new Map<string, string>()
  for (const target of targets) {
    const group = target.kind === 'pci' ? target.device.iommuGroup : undefined
    if (group === undefined) continue
    const other = byGroup.get(group)
    if (other !== undefined) {
      throw new QuiesceError(
        'UNSUPPORTED',
        `Cannot serve ${other} and ${target.name}: both are in IOMMU group ${group}, and would reach each other's memory`,
        { device: target.name, hint: 'Serve one of them; the other stays bound to vfio-pci, and unused' },
      )
    }
    byGroup.set(group, target.name)
  }
}
