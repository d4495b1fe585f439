// The two capability lists as the guest walks them. A hidden capability keeps its place and its pointer and loses its
// id and its body, so that the chain stays walkable; a chain that the device itself breaks is ended where it breaks.
import type { ConfigSpace } from '../../function/config-space.js'
import type { CapabilityDefinition } from '../../pci/capabilities/capability-definition.js'
import { extendedCapabilities, standardCapabilities } from '../../pci/capabilities/capability-table.js'
import { capabilityView, functionKind } from '../../pci/capability-view.js'
import {
  type CapabilityEntry,
  type CapabilityWalk,
  walkCapabilities,
  walkExtendedCapabilities,
} from '../../pci/capability-walk.js'
import { headerOffset } from '../../pci/header.js'
import type { HiddenIds } from '../device-policy.js'
import { type ConfigOverlay, hidden, patched } from './config-overlay.js'

interface ListFormat {
  readonly table: ReadonlyMap<number, CapabilityDefinition>
  /** Bits of the header dword that say what it is, and those that say where the next one is. */
  readonly identity: number
  readonly next: number
}

const standard: ListFormat = { table: standardCapabilities, identity: 0x0000_00ff, next: 0x0000_ff00 }
/** PCIe 6.0 7.6.3: id 15:0, version 19:16, next 31:20. */
const extended: ListFormat = { table: extendedCapabilities, identity: 0x000f_ffff, next: 0xfff0_0000 }

export class ShownCapabilities {
  readonly #standard: CapabilityWalk
  readonly #extended: CapabilityWalk
  readonly #hidden: HiddenIds
  readonly #config: ConfigSpace

  /** Walks both lists, once: offsets do not change while the device is assigned. */
  constructor(config: ConfigSpace, hidden: HiddenIds) {
    this.#config = config
    this.#hidden = hidden
    this.#standard = walkCapabilities(config)
    this.#extended = walkExtendedCapabilities(config)
  }

  /** Where the guest finds a standard capability; undefined where it does not. */
  find(id: number): number | undefined {
    if (this.#hidden.standard.has(id)) return undefined
    return this.#standard.entries.find((entry) => entry.id === id)?.offset
  }

  addTo(overlay: ConfigOverlay): void {
    const standardHead = { dword: headerOffset.capabilities, mask: 0xff }
    this.#hideIn(overlay, this.#standard, standard, this.#hidden.standard)
    this.#hideIn(overlay, this.#extended, extended, this.#hidden.extended)
    endAtBreak(overlay, this.#standard, standard, standardHead)
    endAtBreak(overlay, this.#extended, extended, undefined)
  }

  #hideIn(overlay: ConfigOverlay, walk: CapabilityWalk, format: ListFormat, ids: ReadonlySet<number>): void {
    for (const entry of walk.entries) {
      if (!ids.has(entry.id)) continue
      const definition = format.table.get(entry.id)
      const what = `${definition?.name ?? `capability ${entry.id}`} hidden`
      const starts = walk.entries.map(({ offset }) => offset)
      const end = Math.min(entry.offset + this.#lengthOf(entry, definition), nextStart(starts, entry.offset))
      // What a standard capability has beside id and pointer in its first dword is its own too.
      const own = format === standard ? 0xffff_00ff : format.identity
      overlay.add(entry.offset, patched(what, own, 0))
      for (let dword = entry.offset + 4; dword < end; dword += 4) overlay.add(dword, hidden(what))
    }
  }

  #lengthOf(entry: CapabilityEntry, definition: CapabilityDefinition | undefined): number {
    if (definition === undefined) return 4
    if (typeof definition.length === 'number') return definition.length
    return definition.length(capabilityView(this.#config, entry, functionKind(this.#config)))
  }
}

function nextStart(starts: readonly number[], offset: number): number {
  return Math.min(...starts.filter((start) => start > offset), offset < 0x100 ? 0x100 : 0x1000)
}

function endAtBreak(
  overlay: ConfigOverlay,
  walk: CapabilityWalk,
  format: ListFormat,
  head: { readonly dword: number; readonly mask: number } | undefined,
): void {
  if (walk.stop === undefined) return
  const last = walk.entries.at(-1)
  if (last !== undefined) overlay.add(last.offset, patched('list ended where it breaks', format.next, 0))
  else if (head !== undefined) overlay.add(head.dword, patched('list ended where it breaks', head.mask, 0))
}
