import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fuzz } from './fuzz.js'

describe('a server among mutants', () => {
  for (const seed of [1, 2]) {
    it(`outlives 5,000 of them, and leaves no descriptor behind (seed ${seed})`, async () => {
      const { messages, received, descriptorsLeft } = await fuzz(seed, 5_000)
      assert.ok(messages >= 5_000 && received > messages / 4, `${received} of ${messages} were understood as messages`)
      assert.equal(descriptorsLeft, 0)
    })
  }
})
