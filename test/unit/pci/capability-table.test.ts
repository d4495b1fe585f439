import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CapabilityDefinition, CapabilityView } from '../../../src/pci/capabilities/capability-definition.js'
import { extendedCapabilities, standardCapabilities } from '../../../src/pci/capabilities/capability-table.js'
import { capabilityId, extendedCapabilityId } from '../../../src/pci/capability-ids.js'

const tables = [
  ['standard', standardCapabilities, Object.values(capabilityId), 2],
  ['extended', extendedCapabilities, Object.values(extendedCapabilityId), 4],
] as const

/** Every bit of every register is the same. */
const view = (bit: 0 | 1): CapabilityView => ({
  offset: 0,
  version: 1,
  headerLayout: bit,
  portType: bit === 0 ? 0 : 4,
  read: (_, width) => (bit === 0 ? 0 : 2 ** (8 * width) - 1),
})

function lengthOf({ length }: CapabilityDefinition, bit: 0 | 1): number {
  return typeof length === 'number' ? length : length(view(bit))
}

for (const [name, table, ids, headerBytes] of tables) {
  describe(`the table of ${name} capabilities`, () => {
    it('has every id, once, under its own key', () => {
      assert.deepEqual(
        [...table.keys()].toSorted((a, b) => a - b),
        ids.toSorted((a, b) => a - b),
      )
      for (const [id, definition] of table) assert.equal(definition.id, id)
    })

    it('has registers behind the header, aligned to their width', () => {
      for (const { name: capability, registers } of table.values()) {
        for (const { at, register } of registers) {
          assert.ok(at >= headerBytes, `${capability} ${register.name}`)
          assert.equal(at % (register.width / 8), 0, `${capability} ${register.name}`)
        }
      }
    })

    it('has capabilities as long as their registers, whatever those say', () => {
      for (const definition of table.values()) {
        // What is vendor-specific says its own length, and may say anything.
        if (definition.name.includes('Vendor Specific')) continue
        for (const bit of [0, 1] as const) {
          for (const { at, register, when, repeat } of definition.registers) {
            if (when?.(view(bit)) === false) continue
            const last = at + ((repeat?.count(view(bit)) ?? 1) - 1) * (repeat?.stride ?? 0)
            const end = last + register.width / 8
            assert.ok(end <= lengthOf(definition, bit), `${definition.name} ${register.name} with bits ${bit}`)
          }
        }
      }
    })

    it('names no register of a capability twice', () => {
      for (const definition of table.values()) {
        for (const bit of [0, 1] as const) {
          const present = definition.registers.filter(({ when }) => when?.(view(bit)) !== false)
          const names = present.map(({ register }) => register.name)
          assert.equal(new Set(names).size, names.length, definition.name)
        }
      }
    })
  })
}
