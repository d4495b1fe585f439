import { listOf, object, text } from './json-schema.js'

/** What stands in the way of assigning a device. */
export const blockersSchema = listOf(object({ check: text, reason: text, hint: text }))
