// What the cache holds is whole, and made once, whoever is killed and however many ask.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { cachedProduct } from './cached-product.js'
import { recipeHash } from './recipe-hash.js'

describe('a product of the cache', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'quiesce-cache-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const write = (text: string) => async (work: string) => {
    writeFileSync(join(work, 'product'), text)
    return join(work, 'product')
  }
  const products = () => readdirSync(folder).filter((name) => name !== 'locks')

  it('is made once, though several ask at the same time', async () => {
    let made = 0
    const path = join(folder, 'thing-0123456789ab')
    const make = async (work: string) => {
      made += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
      return write('whole')(work)
    }
    await Promise.all([cachedProduct(path, make), cachedProduct(path, make), cachedProduct(path, make)])
    assert.equal(made, 1)
    assert.equal(readFileSync(path, 'utf8'), 'whole')
  })

  it('that cannot be made leaves nothing behind, and is made by the next that asks', async () => {
    const path = join(folder, 'other-0123456789ab')
    const before = products()
    const fail = async (work: string): Promise<string> => {
      writeFileSync(join(work, 'product'), 'half')
      throw new Error('no more room')
    }
    await assert.rejects(cachedProduct(path, fail), /no more room/)
    assert.deepEqual(products(), before)
    await cachedProduct(path, write('whole'))
    assert.equal(readFileSync(path, 'utf8'), 'whole')
  })

  it('is made afresh where a run was killed, and what that run left goes', async () => {
    const path = join(folder, 'killed-0123456789ab')
    const left = join(folder, 'unfinished-killed-0123456789ab')
    mkdirSync(left)
    writeFileSync(join(left, 'half'), '')
    await cachedProduct(path, async (work) => {
      assert.deepEqual(readdirSync(work), [])
      return write('whole')(work)
    })
    assert.ok(!existsSync(left))
  })

  it('replaces those of its kind that are older than a week, and no others', async () => {
    const longAgo = new Date(Date.now() - 8 * 24 * 3600 * 1000)
    for (const name of ['kind-aaaaaaaaaaaa.cpio', 'kin-aaaaaaaaaaaa.cpio']) {
      writeFileSync(join(folder, name), '')
      utimesSync(join(folder, name), longAgo, longAgo)
    }
    writeFileSync(join(folder, 'kind-bbbbbbbbbbbb.cpio'), '')
    await cachedProduct(join(folder, 'kind-cccccccccccc.cpio'), write('whole'))
    const left = products().filter((name) => name.startsWith('kin'))
    assert.deepEqual(left, ['kin-aaaaaaaaaaaa.cpio', 'kind-bbbbbbbbbbbb.cpio', 'kind-cccccccccccc.cpio'])
  })

  it('has another name for another recipe, regular expressions included', () => {
    const hashes = [recipeHash({ only: /a/ }), recipeHash({ only: /b/ }), recipeHash({ only: /a/ }, 1)]
    assert.equal(new Set(hashes).size, 3)
    assert.equal(recipeHash({ only: /a/ }), hashes[0])
    assert.match(hashes[0] ?? '', /^[0-9a-f]{12}$/)
  })
})
