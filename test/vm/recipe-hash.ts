// The name of a product in the cache follows from what it is made from: another recipe is another product.
import { createHash } from 'node:crypto'

/** Twelve digits for whatever JSON can hold; regular expressions count as their text. */
export function recipeHash(...ingredients: readonly unknown[]): string {
  const text = JSON.stringify(ingredients, (_, value) => (value instanceof RegExp ? value.source : value))
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
