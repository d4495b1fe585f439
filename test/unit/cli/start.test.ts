import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

/** Writes the address of every module that the main thread loads to standard error. */
const spy = `
import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
  import { writeSync } from 'node:fs'
  export function load(url, context, next) { writeSync(2, 'loaded ' + url + '\\\\n'); return next(url, context) }
\`))`

/** The modules that a run of the program loads, from `src/` on. */
function modulesOf(...args: string[]): string[] {
  const hook = `data:text/javascript,${encodeURIComponent(spy)}`
  const { stderr } = spawnSync(process.execPath, ['--import', hook, program, ...args], { encoding: 'utf8' })
  return [...stderr.matchAll(/^loaded .*\/(?:src\/|node_modules\/)(.*\.js)$/gm)].map((match) => match[1] ?? '')
}

describe('starting the program', () => {
  it('loads the work of no command for the help', () => {
    const modules = modulesOf('--help')
    assert.ok(modules.includes('cli/commands/list.js'))
    assert.deepEqual(
      modules.filter((path) => !/^(cli|errors|commander)\/|^reset\/policy\.js$/.test(path)),
      [],
    )
    assert.deepEqual(
      modules.filter((path) => path.startsWith('cli/commands/run-')),
      [],
    )
  })

  it('loads neither devices nor decoders for a list', () => {
    const modules = modulesOf('list')
    assert.ok(modules.includes('host/inventory.js'))
    assert.deepEqual(
      modules.filter((path) => /^(sim|vfio|linux|koffi|function|pci\/capabilities|pci\/lspci)\//.test(path)),
      [],
    )
  })

  it('loads what opens real devices for no simulated one', () => {
    const modules = modulesOf('reset', 'sim:edu')
    assert.ok(modules.some((path) => path.startsWith('sim/')))
    assert.deepEqual(
      modules.filter((path) => /^(vfio|linux|koffi)\//.test(path)),
      [],
    )
  })
})
