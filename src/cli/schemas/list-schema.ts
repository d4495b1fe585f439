import { blockersSchema } from './blockers-schema.js'
import { answer, flag, hexText, listOf, object, text, textOrNull } from './json-schema.js'

export const listSchema = answer('quiesce.list/1', 'quiesce list --json', {
  devices: listOf(
    object({
      address: text,
      classCode: hexText,
      className: text,
      vendorId: hexText,
      vendorName: textOrNull,
      deviceId: hexText,
      deviceName: textOrNull,
      driver: textOrNull,
      iommuGroup: textOrNull,
      resetMethods: listOf(text),
      assignable: flag,
      blockers: blockersSchema,
    }),
  ),
})
