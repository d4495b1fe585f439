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
import { makeTally } from './tally.mjs'

const inCi = process.env.CI === 'true'
const tally = makeTally(inCi)
let isComplete = false
// Whatever breaks the run off, even an exception or an exit elsewhere: the last line counts, and says that it failed.
process.on('exit', (code) => {
  const { status, line } = tally.end(isComplete && code === 0)
  process.exitCode = status
  console.log(line)
})
process.on('uncaughtException', (error) => {
  console.error(error)
  process.exit(1)
})

const { values: options } = parseArgs({ options: { only: { type: 'string' }, 'no-vm': { type: 'boolean' } } })

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
  stream.on('test:pass', (event) => tally.pass(event, isFileEntry(event, files)))
  stream.on('test:fail', (event) => tally.failTest(event))
  for await (const text of stream.compose(spec)) process.stdout.write(text)
}

function isFileEntry(event, files) {
  return event.nesting === 0 && files.includes(event.name)
}

ensureInstalled()
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim()
if (options.only === undefined) {
  removeStaleOutputs()
  tally.fail(check().length)
} else ensureBuilt()

// First of all, because the oracles of other tests come with the parts of the VM.
let vm
if (!options['no-vm']) {
  const { prepareIommufdKernel, prepareVm } = await import('../build/test/vm/prepare.js')
  vm = await prepareVm()
  // Minutes of compiling where the cache has none: it goes on while other tests run, and those that need it wait.
  if (vm.available && options.only === undefined) prepareIommufdKernel(vm)
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
  if (inCi) tally.fail()
}
isComplete = true
