// npm run bench: measures, prints, and asserts nothing. What the numbers mean is in docs/benchmarks.md.
import { cpus, loadavg } from 'node:os'
import { measureParts } from './measure-parts.js'
import { parseOptions, usage } from './parts.js'
import { printedParts } from './printed-parts.js'

const options = parseOptions()
if (options === undefined) {
  process.stderr.write(`${usage}\n`)
  process.exitCode = 64
} else {
  const load = () => (loadavg()[0] ?? 0).toFixed(1)
  const before = load()
  const measured = await measureParts(options, (text) => process.stderr.write(`${text}\n`))
  const processor = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, node: process.version }
  const machine = { ...processor, load: [before, load()].map(Number) }
  if (options.json) {
    const result = { schema: 'quiesce.bench/1', machine, rounds: options.rounds, ...measured }
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
  } else {
    const title = `${machine.cpus} CPUs (${machine.cpu}), Node ${machine.node}, load average ${machine.load.join(' to ')}`
    process.stdout.write(`${[title, ...printedParts(measured)].join('\n\n')}\n`)
  }
}
