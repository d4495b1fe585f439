// The part of JSON Schema (draft 2020-12) that describes this program's output, and short names to write it with.

export interface JsonSchema {
  readonly $id?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

export const text: JsonSchema = { type: 'string' }
export const textOrNull: JsonSchema = { type: ['string', 'null'] }
export const flag: JsonSchema = { type: 'boolean' }
export const count: JsonSchema = { type: 'integer', minimum: 0 }
export const countOrNull: JsonSchema = { type: ['integer', 'null'], minimum: 0 }
/** A register or an address. */
export const hexText: JsonSchema = { type: 'string', pattern: '^0x[0-9a-f]+$' }
export const hexOrNull: JsonSchema = { type: ['string', 'null'], pattern: '^0x[0-9a-f]+$' }

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items }
}

export function oneOf(...values: readonly unknown[]): JsonSchema {
  return { enum: values }
}

/** Exactly these properties; those in `optional` may be absent. */
export function object(properties: Readonly<Record<string, JsonSchema>>, optional: readonly string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

/** The same, or null. */
export function nullable(schema: JsonSchema): JsonSchema {
  return { ...schema, type: [...(typeof schema.type === 'string' ? [schema.type] : (schema.type ?? [])), 'null'] }
}

/** A whole answer of the program, by the name in its `schema` field. */
export function answer(
  name: string,
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  return { $id: name, description, ...object({ schema: { const: name }, ...properties }, optional) }
}
