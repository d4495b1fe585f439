// The devices that a command names: what each is, and whether it can be taken, before the first is touched.
import { QuiesceError } from '../errors/quiesce-error.js'
import { type Blocker, blockerError, findBlockers } from '../host/assignability.js'
import { readAssignabilityFacts } from '../host/assignability-facts.js'
import { parseDeviceReference, resolveAddress } from '../host/device-reference.js'
import { type PciSummary, readPciSummary } from '../host/pci-device.js'
import { readVfioAvailability } from '../host/vfio-availability.js'
import { SeveralErrors } from './error-output.js'
import type { HostRoots } from './host-roots.js'
import { simulatedAddress } from './simulated-device.js'

export type Target =
  | { readonly kind: 'sim'; readonly name: string }
  | { readonly kind: 'pci'; readonly name: string; readonly device: PciSummary; readonly blockers: readonly Blocker[] }

async function readTarget(text: string, roots: HostRoots): Promise<Target> {
  const reference = parseDeviceReference(text)
  if (reference.kind === 'sim') {
    return { kind: 'sim', name: await simulatedAddress(reference.model) }
  }
  const address = resolveAddress(reference, roots.sysfs)
  const device = readPciSummary(roots.sysfs, address)
  if (device === undefined) {
    throw new QuiesceError('NO_DEVICE', `Cannot read ${address}: it has just gone`, { device: address })
  }
  const vfio = readVfioAvailability(roots.sysfs, roots.dev)
  const blockers = findBlockers(readAssignabilityFacts(device, vfio, roots.sysfs, roots.dev))
  return { kind: 'pci', name: address, device, blockers }
}

/**
 * Every named device.
 * @throws QuiesceError or SeveralErrors if one is not there, or is named twice
 */
export async function readTargets(texts: readonly string[], roots: HostRoots): Promise<Target[]> {
  const targets: Target[] = []
  await collectErrors(texts, async (text) => {
    const target = await readTarget(text, roots)
    if (targets.some((other) => other.name === target.name)) {
      throw new QuiesceError('USAGE', `Cannot take ${target.name} twice: it is named more than once`, {
        device: target.name,
        hint: 'Name each device once',
      })
    }
    targets.push(target)
  })
  return targets
}

/** @throws QuiesceError or SeveralErrors for every device that cannot be taken */
export async function assertReady(targets: readonly Target[], action: 'reset' | 'serve'): Promise<void> {
  await collectErrors(targets, (target) => {
    const [first] = target.kind === 'pci' ? target.blockers : []
    if (first !== undefined) throw blockerError(action, target.name, first)
  })
}

async function collectErrors<T>(items: readonly T[], check: (item: T) => Promise<void> | void): Promise<void> {
  const errors: QuiesceError[] = []
  for (const item of items) {
    try {
      await check(item)
    } catch (error) {
      if (!(error instanceof QuiesceError)) throw error
      errors.push(error)
    }
  }
  const [only] = errors
  if (only !== undefined) throw errors.length === 1 ? only : new SeveralErrors(errors)
}
