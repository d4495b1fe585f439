import { QuiesceError } from '../../errors/quiesce-error.js'
import type { Backend } from '../common-options.js'
import { type ExitStatus, exitStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { type PolicyOptions, policyOf } from '../policy-options.js'
import { assertReady, readTargets, type Target } from '../reset-targets.js'
import { eventToJson } from '../serve/event-json.js'
import { eventToWords } from '../serve/event-words.js'
import { listenFor, planFor } from '../serve/listen.js'
import type { DeviceOrder } from '../serve/make-device.js'
import { OfferedDevice } from '../serve/offered-device.js'
import { qemuLines } from '../serve/qemu-arguments.js'
import { serveDevices } from '../serve/serve-devices.js'
import type { ServeEvent, ServeEventOf } from '../serve/serve-event.js'
import { startThread } from '../serve/start-thread.js'
import { userIds } from '../serve/user-ids.js'
import type { Terminal } from '../terminal.js'

export interface ServeOptions extends PolicyOptions {
  readonly socket?: readonly string[]
  readonly allowUser?: readonly string[]
  readonly trapBars?: boolean
  readonly raw?: boolean
  readonly dryRun?: boolean
  readonly steps?: boolean
  readonly backend?: Backend
  readonly json?: boolean
  readonly sysroot?: string
}

type Announced = ServeEventOf<'planned' | 'serving'>

export async function runServe(
  terminal: Terminal,
  args: readonly string[],
  options: ServeOptions,
): Promise<ExitStatus> {
  const roots = hostRoots(options.sysroot)
  const targets = await readTargets(args, roots)
  assertRawFits(targets, options)
  await assertReady(targets, 'serve')
  const { socket: sockets = [], json = false, raw: isRaw = false, steps: withSteps = false } = options
  const names = targets.map(({ name }) => name)
  const allowUsers = userIds(options.allowUser ?? [])
  const tell = (name: string, event: ServeEvent): void => {
    const at = new Date()
    const { paint } = terminal
    const said = json ? eventToJson(name, event, at) : eventToWords(name, event, at, { paint, withSteps, isRaw })
    if (said !== undefined) terminal.print(said)
  }
  const tellPlaces = (places: readonly Announced[]): void => {
    for (const [index, name] of names.entries()) {
      const place = places[index]
      if (place !== undefined) tell(name, place)
    }
    const known = places.flatMap(({ socket }) => socket ?? [])
    if (!json && known.length > 0) terminal.print(qemuHelp(known, terminal))
  }

  if (options.dryRun) {
    tellPlaces(planFor(names, sockets).map((plan) => ({ kind: 'planned', ...plan })))
    return exitStatus.done
  }
  if (!roots.isThisMachine && targets.some(({ kind }) => kind === 'pci')) {
    throw new QuiesceError('USAGE', 'Cannot serve below --sysroot: the devices there are not of this machine', {
      hint: 'Add --dry-run, or leave --sysroot out',
    })
  }
  const places = listenFor(names, sockets, allowUsers)
  try {
    const policy = policyOf(options)
    const devices = targets.map((target, index) => {
      const { name } = target
      const order: DeviceOrder = {
        kind: isRaw ? 'raw' : target.kind,
        name,
        sharing: isRaw ? undefined : sharingOf(target),
        backend: options.backend ?? 'auto',
        policy,
        trapsBars: options.trapBars ?? false,
      }
      const place = places[index]
      if (place === undefined) throw new Error(`${name} has no place`)
      return new OfferedDevice(order, place, (event) => tell(name, event))
    })
    return await serveDevices(devices, terminal, {
      start: startThread,
      allowUsers,
      isLive: !json,
      onServing: () => tellPlaces(places.map(({ path }) => ({ kind: 'serving', socket: path }))),
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

/** What makes devices share a thread: their address space, or their simulated machine. */
function sharingOf(target: Target): string | undefined {
  if (target.kind === 'sim') return /^(.*)\.\d+$/.exec(target.name)?.[1]
  const { iommuGroup } = target.device
  return iommuGroup === undefined ? undefined : `IOMMU group ${iommuGroup}`
}
