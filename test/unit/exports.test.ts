// What the package offers to programs, and what each entry pulls in.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = new URL('../../../', import.meta.url)

const { exports: entries } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>
}

/** Every module that loading this one loads, and what none of them is: packages and parts of Node. */
function reach(entry: URL): { files: Set<string>; foreign: Set<string> } {
  const files = new Set<string>()
  const foreign = new Set<string>()
  const visit = (url: URL): void => {
    if (files.has(url.href)) return
    files.add(url.href)
    const source = readFileSync(url, 'utf8')
    const imports = /(?:^|[\s;}])(?:import|export)\s*(?:[\w*{}\s,$]+?\sfrom\s*)?\(?\s*['"]([^'"]+)['"]/g
    for (const [, specifier = ''] of source.matchAll(imports)) {
      if (specifier.startsWith('.')) visit(new URL(specifier, url))
      else foreign.add(specifier)
    }
  }
  visit(entry)
  return { files, foreign }
}

describe('the entries of the package', () => {
  for (const [name, entry] of Object.entries(entries)) {
    it(`"${name}" is there`, () => {
      for (const path of typeof entry === 'string' ? [entry] : Object.values(entry)) {
        assert.ok(existsSync(fileURLToPath(new URL(path, root))), path)
      }
    })
  }

  for (const name of ['pci', 'reset', 'device', 'sim']) {
    it(`"./${name}" needs neither Node nor a package: it runs in a browser too`, () => {
      const entry = entries[`./${name}`]
      assert.ok(typeof entry === 'object', 'there is such an entry')
      const { files, foreign } = reach(new URL(entry.default, root))
      assert.ok(files.size > 10, `${files.size} files were followed`)
      assert.deepEqual([...foreign], [])
    })
  }

  it('"." needs both, which the walk of the imports sees', () => {
    const { foreign } = reach(new URL('build/src/index.js', root))
    assert.ok(foreign.has('koffi'))
    assert.ok([...foreign].some((name) => name.startsWith('node:')))
  })
})
