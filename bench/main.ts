// npm run bench: measures, prints, and asserts nothing. What the numbers mean is in docs/benchmarks.md.
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureInVm, type VmMeasurements, type VmMissing } from './in-vm.js'
import { measureListing } from './listing.js'
import { summarizeListing } from './listing-summary.js'
import { summarizeResets } from './reset-summary.js'
import { measureSimulated } from './simulated.js'
import { listingTable, resetTables, simulatedTable } from './tables.js'

const usage = 'Usage: npm run bench -- [--json] [--rounds N] [--no-vm]'

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '15' },
        'no-vm': { type: 'boolean', default: false },
      },
    })
    const rounds = Number(values.rounds)
    return Number.isInteger(rounds) && rounds > 0 ? { json: values.json, rounds, vm: !values['no-vm'] } : undefined
  } catch {
    return undefined
  }
}

async function tryVm(rounds: number): Promise<VmMeasurements | VmMissing> {
  try {
    return await measureInVm(rounds, Math.min(rounds, guestListRounds))
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

const simulatedResets = 1000
/** A process takes a second or more on a software CPU. */
const guestListRounds = 5

const options = parseOptions()
if (options === undefined) {
  process.stderr.write(`${usage}\n`)
  process.exitCode = 64
} else {
  const { json, rounds } = options
  const say = (text: string) => process.stderr.write(`${text}\n`)
  say('Listing devices on this machine, and resetting simulated ones...')
  const host = summarizeListing(measureListing(rounds))
  const simulated = await measureSimulated(simulatedResets)
  if (options.vm) say('Resetting devices in the VM; this takes some minutes...')
  const vm = options.vm ? await tryVm(rounds) : { available: false as const, reason: 'left out (--no-vm)' }
  const resets = vm.available ? vm.resets.map(summarizeResets) : []
  const guest = vm.available && vm.listing !== undefined ? summarizeListing(vm.listing) : undefined
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, node: process.version }
  if (json) {
    const missing = vm.available ? {} : { vmMissing: vm.reason }
    const result = {
      schema: 'quiesce.bench/1',
      machine,
      rounds,
      ...missing,
      resets,
      listing: { guest, host },
      simulated,
    }
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
  } else {
    const parts = [
      `${machine.cpus} CPUs (${machine.cpu}), Node ${machine.node}`,
      vm.available
        ? `RESETS in the VM, on the kernel's VFIO. ${resetTables(resets)}`
        : `The benchmarks in the VM were not run: ${vm.reason}`,
      ...(guest === undefined ? [] : [`LISTING in the VM. ${listingTable(guest)}`]),
      `LISTING on this machine. ${listingTable(host)}`,
      `SIMULATED devices, ${simulatedResets} resets each.\n${simulatedTable(simulated)}`,
    ]
    process.stdout.write(`${parts.join('\n\n')}\n`)
  }
}
