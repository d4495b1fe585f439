// Every answer of the program, by the name in its `schema` field.
import { demoSchema } from './demo-schema.js'
import { errorSchema } from './error-schema.js'
import type { JsonSchema } from './json-schema.js'
import { listSchema } from './list-schema.js'
import { resetPlanSchema, resetSchema } from './reset-schema.js'
import { serveSchema } from './serve-schema.js'
import { showSchema } from './show-schema.js'

export const schemas: Readonly<Record<string, JsonSchema>> = {
  'quiesce.demo/1': demoSchema,
  'quiesce.error/1': errorSchema,
  'quiesce.list/1': listSchema,
  'quiesce.reset-plan/1': resetPlanSchema,
  'quiesce.reset/1': resetSchema,
  'quiesce.serve/1': serveSchema,
  'quiesce.show/1': showSchema,
}
