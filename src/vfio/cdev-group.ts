// The open devices of one IOMMU group. The IOMMU cannot tell them apart: for as long as one of them is attached, all
// of them reach what is mapped (iommufd_device_detach lets go of the group with its last device). So they are attached
// together, or not at all.
import type { KernelOutcome } from '../function/kernel-outcome.js'
import type { IoctlResult } from '../linux/ioctl.js'
import { ContainedDevices } from './contained-devices.js'
import type { DmaDomain } from './dma-domain.js'
import { refusal } from './kernel-outcomes.js'

/** A device of the group, as the kernel has it. */
export interface CdevMember {
  /** False once its file is closed, be it in the middle of a reset. */
  readonly isOpen: boolean
  attach(): IoctlResult
  detach(): IoctlResult
}

interface Entry {
  readonly member: CdevMember
  isAttached: boolean
}

export class CdevGroup {
  readonly id: string
  readonly domain: DmaDomain
  readonly #members = new Map<string, Entry>()
  readonly #contained = new ContainedDevices()

  constructor(id: string, domain: DmaDomain) {
    this.id = id
    this.domain = domain
  }

  get addresses(): readonly string[] {
    return [...this.#members.keys()]
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  /** Whether a device of it is contained, so that none may be attached. */
  get isCutOff(): boolean {
    return !this.#contained.isEmpty
  }

  /** Whether each of its devices can be told to let go: not one whose file is closed, in the middle of a reset. */
  get canDetach(): boolean {
    return [...this.#members.values()].every(({ member }) => member.isOpen)
  }

  /** Takes in a device that is attached, unless the group is cut off: it is, then, when its siblings are. */
  add(address: string, member: CdevMember): void {
    this.#members.set(address, { member, isAttached: !this.isCutOff })
    this.domain.devices.add(address)
  }

  /** Detaches all of them. Goes on after a failure, so that as few as possible stay attached. */
  contain(address: string): IoctlResult {
    let outcome = done
    for (const entry of this.#members.values()) {
      const result = detach(entry)
      if (!result.ok) outcome = result
    }
    // What the IOMMU can map stays as it was: it would look wider now, and too wide to be attached again.
    if (outcome.ok) this.#contained.add(address)
    return outcome
  }

  /** Attaches all of them again, once none is contained. */
  readmit(address: string): KernelOutcome {
    const isContained = this.#contained.delete(address)
    if (this.isCutOff) return this.#contained.refusal()
    const result = this.#attachAll()
    if (result.ok) return { ok: true }
    if (isContained) this.#contained.add(address)
    return refusal('attach', result.errno)
  }

  /** The device is closed, which has detached it. Its siblings come back, if it was what kept them out. */
  remove(address: string): void {
    this.#members.delete(address)
    this.domain.release(address)
    // What fails here stays cut off, until it is readmitted itself.
    if (this.#contained.delete(address) && !this.isCutOff) this.#attachAll()
  }

  #attachAll(): IoctlResult {
    for (const entry of this.#members.values()) {
      if (entry.isAttached || !entry.member.isOpen) continue
      const result = entry.member.attach()
      if (!result.ok) {
        // All or none: those that are attached would open the way to memory for this one, too.
        for (const other of this.#members.values()) detach(other)
        return result
      }
      entry.isAttached = true
    }
    return done
  }
}

const done: IoctlResult = { ok: true, value: 0 }

function detach(entry: Entry): IoctlResult {
  if (!entry.isAttached) return done
  const result = entry.member.detach()
  if (result.ok) entry.isAttached = false
  return result
}
