// A validator for the part of JSON Schema that the program's schemas use.
import { isDeepStrictEqual } from 'node:util'
import type { JsonSchema } from '../../../src/cli/schemas/json-schema.js'

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

/** What is wrong with a value, each with where; empty where nothing is. */
export function violations(schema: JsonSchema, value: unknown, path = '$'): string[] {
  const found: string[] = []
  const type = typeOf(value)
  const types = schema.type === undefined ? [type] : [schema.type].flat()
  if (!types.includes(type) && !(type === 'integer' && types.includes('number'))) {
    found.push(`${path} is ${type}, not ${types.join(' or ')}`)
  }
  if (schema.const !== undefined && !isDeepStrictEqual(schema.const, value))
    found.push(`${path} is not ${schema.const}`)
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    found.push(`${path} is ${JSON.stringify(value)}, none of ${JSON.stringify(schema.enum)}`)
  }
  if (schema.pattern !== undefined && typeof value === 'string' && !new RegExp(schema.pattern).test(value)) {
    found.push(`${path} is ${JSON.stringify(value)}, which does not match ${schema.pattern}`)
  }
  if (schema.minimum !== undefined && typeof value === 'number' && value < schema.minimum) {
    found.push(`${path} is ${value}, below ${schema.minimum}`)
  }
  if (schema.anyOf !== undefined) {
    // What it comes nearest to says best what is wrong with it.
    const each = schema.anyOf.map((one) => violations(one, value, path)).sort((a, b) => a.length - b.length)
    found.push(...(each[0] ?? []))
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      found.push(...violations(schema.items ?? {}, item, `${path}[${index}]`))
  } else if (typeof value === 'object' && value !== null) {
    found.push(...propertyViolations(schema, value as Record<string, unknown>, path))
  }
  return found
}

function propertyViolations(schema: JsonSchema, value: Record<string, unknown>, path: string): string[] {
  const missing = (schema.required ?? []).filter((name) => !(name in value))
  const nested = Object.entries(value).flatMap(([name, property]) => {
    const at = `${path}.${name}`
    const known = schema.properties?.[name]
    if (known !== undefined) return violations(known, property, at)
    if (schema.additionalProperties === false) return [`${at} is not in the schema`]
    return typeof schema.additionalProperties === 'object' ? violations(schema.additionalProperties, property, at) : []
  })
  return [...missing.map((name) => `${path}.${name} is missing`), ...nested]
}
