import { answer, text, textOrNull } from './json-schema.js'

export const errorSchema = answer('quiesce.error/1', 'Any command that could not be carried out', {
  code: { ...text, description: 'stable; compare this and never the message' },
  message: text,
  device: textOrNull,
  syscall: textOrNull,
  errno: { ...textOrNull, description: 'symbolic, such as EBUSY' },
  hint: { ...textOrNull, description: 'what can be done about it' },
})
