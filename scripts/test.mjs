// npm test: everything, from a fresh clone. Installs, builds, checks, runs the tests, and then the system tests against
// the real kernel in a VM, where this machine can get one. The last line counts the whole run.
//
// Usage: npm test [-- --only SUBSTRING] [--no-vm]
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { check } from './check.mjs'
import { ensureBuilt, ensureInstalled, removeStaleOutputs, root } from './ensure.mjs'

const { values: options } = parseArgs({ options: { only: { type: 'string' }, 'no-vm': { type: 'boolean' } } })
const inCi = process.env.CI === 'true'
const counts = { passed: 0, failed: 0 }

function testFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(root, folder, name))
    .filter((file) => options.only === undefined || relative(root, file).includes(options.only))
    .sort()
}

async function runTests(files, concurrency) {
  if (files.length === 0) return
  const stream = run({ files, concurrency })
  // A file that holds suites counts by its tests; a file that could not run at all counts as one failure.
  stream.on('test:pass', (event) => {
    if (event.details.type !== 'suite' && !isFileEntry(event, files)) counts.passed += 1
  })
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') counts.failed += 1
  })
  for await (const text of stream.compose(spec)) process.stdout.write(text)
}

function isFileEntry(event, files) {
  return event.nesting === 0 && files.includes(event.name)
}

ensureInstalled()
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim()
if (options.only === undefined) {
  removeStaleOutputs()
  counts.failed += check().length
} else ensureBuilt()

// First of all, because the oracles of other tests come with the parts of the VM.
let vm
if (!options['no-vm']) {
  const { prepareVm } = await import('../build/test/vm/prepare.js')
  vm = await prepareVm()
}

const folders = readdirSync(join(root, 'build/test')).filter((name) => name !== 'vm')
await runTests(
  folders.flatMap((name) => testFiles(join('build/test', name))),
  availableParallelism(),
)

// Each boots machines of one thread and half a GiB.
if (vm?.available) await runTests(testFiles('build/test/vm'), availableParallelism())
else if (vm !== undefined) {
  console.log(`The system tests were not run: ${vm.reason}`)
  // In CI nothing may be skipped: missing parts of the VM are a failure.
  if (inCi) counts.failed += 1
}

process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
console.log(`${counts.passed} passed, ${counts.failed} failed`)
