// What a reset would do, found out without opening the device: opening it would already let the kernel reset it.
import { readBusResetScope } from '../host/bus-reset-scope.js'
import { readIommuGroup } from '../host/iommu-group.js'
import { type KernelVersion, kernelVersion } from '../host/kernel-version.js'
import { type PciSummary, readConfigBytes } from '../host/pci-device.js'
import { PmControlStatus, pmOffset } from '../pci/capabilities/pm.js'
import { capabilityId } from '../pci/capability-ids.js'
import { findCapability } from '../pci/capability-walk.js'
import { configBytes } from '../pci/config-bytes.js'
import type { ConfigReader } from '../pci/config-reader.js'
import { findKnownDevice, type KnownDevice, matchKnownDevice } from '../reset/known-devices.js'
import { defaultPolicy, type ResetMethod, type ResetPolicy } from '../reset/policy.js'
import type { ResetReport } from '../reset/report.js'
import type { HostRoots } from './host-roots.js'
import type { Target } from './reset-targets.js'
import { openSimulated } from './simulated-device.js'

export interface PlannedMethod {
  readonly method: ResetMethod
  readonly applies: boolean | 'unknown'
  readonly reason: string
}

export interface ResetPlan {
  readonly device: string
  /** Nothing stands in the way. */
  readonly ready: boolean
  readonly blockers: readonly { readonly check: string; readonly reason: string; readonly hint: string }[]
  readonly policy: ResetPolicy
  /** The known device whose entry shaped the policy. */
  readonly knownDevice?: NonNullable<ResetReport['knownDevice']>
  readonly methods: readonly PlannedMethod[]
  /** What a hot reset would take along; null where the bus cannot be reset. */
  readonly scope: readonly { readonly address: string; readonly driver: string | null }[] | null
  readonly kernel: KernelVersion
}

/** Plans for devices that are reset together: what they own together decides what a hot reset may take along. */
export async function makePlans(
  targets: readonly Target[],
  overrides: Partial<ResetPolicy>,
  roots: HostRoots,
): Promise<ResetPlan[]> {
  const owned = new Set(targets.flatMap((target) => (target.kind === 'pci' ? groupOf(target.device, roots) : [])))
  const simulated = targets.flatMap((target) => (target.kind === 'sim' ? target.name : []))
  const simulatedPlans = simulated.length === 0 ? [] : await planSimulated(simulated, overrides)
  return targets.map((target) => {
    if (target.kind === 'pci') return planPci(target, overrides, owned, roots)
    return simulatedPlans[simulated.indexOf(target.name)] as ResetPlan
  })
}

/** Who owns a group owns all of it. */
function groupOf({ address }: PciSummary, roots: HostRoots): string[] {
  return readIommuGroup(roots.sysfs, address)?.members.map((member) => member.address) ?? [address]
}

/** As the reset itself does it: the default, then what is known of the device, then what was asked for. */
function policyOf(
  known: KnownDevice | undefined,
  overrides: Partial<ResetPolicy>,
): Pick<ResetPlan, 'policy' | 'knownDevice'> {
  const policy = { ...defaultPolicy, ...known?.policy, ...overrides }
  if (known === undefined) return { policy }
  const { name, reason, source } = known
  return { policy, knownDevice: { name, reason, source } }
}

function planPci(
  { device, blockers }: Target & { kind: 'pci' },
  overrides: Partial<ResetPolicy>,
  owned: ReadonlySet<string>,
  roots: HostRoots,
): ResetPlan {
  const scope = readBusResetScope(roots.sysfs, device.address)
  const bytes = readConfigBytes(roots.sysfs, device.address)
  const config = bytes === undefined ? undefined : configBytes(bytes)
  const shaped = policyOf(matchKnownDevice(device.vendorId, device.deviceId, device.classCode), overrides)
  const look: Record<ResetMethod, () => Omit<PlannedMethod, 'method'>> = {
    vfio: () =>
      device.resetMethods?.length
        ? { applies: true, reason: `the kernel would try: ${device.resetMethods.join(', ')}` }
        : { applies: false, reason: 'the kernel knows no way to reset this device' },
    hot: () => planHot(scope, owned),
    pm: () => planPm(config),
  }
  return {
    device: device.address,
    ready: blockers.length === 0,
    blockers: blockers.map(({ check, reason, hint }) => ({ check, reason, hint })),
    ...shaped,
    methods: shaped.policy.methods.map((method) => ({ method, ...look[method]() })),
    scope: scope?.functions.map(({ address, driver }) => ({ address, driver: driver ?? null })) ?? null,
    kernel: kernelVersion(),
  }
}

function planHot(
  scope: ReturnType<typeof readBusResetScope>,
  owned: ReadonlySet<string>,
): Omit<PlannedMethod, 'method'> {
  if (scope === undefined) return { applies: false, reason: 'it is on a root bus, which cannot be reset' }
  const name = ({ address, driver }: { address: string; driver?: string }): string =>
    driver === undefined ? address : `${address} (driver ${driver})`
  const foreign = scope.functions.filter(({ address }) => !owned.has(address))
  return foreign.length === 0
    ? { applies: true, reason: `the bus behind ${scope.bridge} holds ${scope.functions.map(name).join(', ')}` }
    : { applies: false, reason: `it would also reset ${foreign.map(name).join(', ')}, which would not be owned` }
}

function planPm(config: ConfigReader | undefined): Omit<PlannedMethod, 'method'> {
  if (config === undefined || config.size <= 64) {
    return { applies: 'unknown', reason: 'only root can read the power management capability' }
  }
  const offset = findCapability(config, capabilityId.pm)
  if (offset === undefined) return { applies: false, reason: 'the device has no power management capability' }
  const { noSoftReset } = PmControlStatus.decode(config.read(offset + pmOffset.controlStatus, 2))
  return noSoftReset
    ? { applies: false, reason: 'D3hot -> D0 keeps the state of this device (NoSoftRst = 1)' }
    : { applies: true, reason: 'D3hot -> D0 resets this device (NoSoftRst = 0)' }
}

/** Simulated devices are made for this alone, so they may be asked themselves. */
async function planSimulated(addresses: readonly string[], overrides: Partial<ResetPolicy>): Promise<ResetPlan[]> {
  const [{ methodTable }, { Evidence }, { SimulatedMachine }] = await Promise.all([
    import('../reset/methods/method-table.js'),
    import('../reset/evidence.js'),
    import('../sim/simulated-machine.js'),
  ])
  const machine = new SimulatedMachine()
  const functions = await Promise.all(addresses.map((address) => openSimulated(address, machine)))
  return functions.map((fn) => {
    const shaped = policyOf(findKnownDevice(fn.config), overrides)
    const { policy } = shaped
    const context = { fn, policy, evidence: new Evidence(fn.clock), companions: [] }
    const scope = fn.hotResetScope()
    return {
      device: fn.address,
      ready: true,
      blockers: [],
      ...shaped,
      methods: policy.methods.map((method) => {
        const whyNot = methodTable[method].whyNot(context)
        return { method, applies: whyNot === undefined, reason: whyNot ?? 'its conditions hold' }
      }),
      scope: scope.ok ? scope.affected.map(({ address, driver }) => ({ address, driver: driver ?? null })) : null,
      kernel: kernelVersion(),
    }
  })
}

export function planToJson(plan: ResetPlan): Record<string, unknown> {
  const { kernel, ...rest } = plan
  return { schema: 'quiesce.reset-plan/1', ...rest, kernel: kernel.release }
}
