import { answer, count, listOf, object, text } from './json-schema.js'
import { reportProperties } from './reset-schema.js'

export const demoSchema = answer('quiesce.demo/1', 'quiesce demo --json', {
  scenes: listOf(
    object({
      id: text,
      title: text,
      landedBefore: { ...count, description: 'writes that landed for the guest that asked for them' },
      landedAfter: { ...count, description: 'writes that landed in the memory of its next owner' },
      bytesOverwritten: count,
      report: object(reportProperties, ['knownDevice']),
    }),
  ),
})
