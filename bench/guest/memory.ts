// In the guest: guest memory mapped in pieces, by us and by a program in C. Arguments: rounds, group or cdev, GiB.
import { spawnSync } from 'node:child_process'
import { existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { readVfioDeviceNode } from '../../src/host/vfio-device-node.js'
import { VfioOwnership } from '../../src/vfio/vfio-ownership.js'
import { addressOf } from '../../test/vm/guest/addresses.js'
import { MappedFile } from '../../test/vm/guest/assigned/mapped-file.js'
import { bindToVfio, iommuGroupOf } from '../../test/vm/guest/binding.js'
import { report } from '../../test/vm/guest/report.js'
import { mappedDevices } from '../devices.js'
import { MapMemoryProgram } from '../memory/c-program.js'
import { keptInStep, mappedBare, type Pass, rangesOf } from '../memory/map-pieces.js'
import { memorySize, type PieceSet, pieceSets } from '../memory/piece-sets.js'

/** What this program reports of each set of pieces. Milliseconds. */
export interface MemoryResult {
  readonly pieces: string
  readonly count: number
  readonly backend: string
  readonly 'kept in step': Pass[]
  readonly bare: Pass[]
  /** Empty where there is no program in C. */
  readonly c: Pass[]
}

const rounds = Number(process.argv[2])
const gib = Number(process.argv[4])
const backend = process.argv[3] === 'cdev' ? 'cdev' : 'group'
/** Pieces that are mapped before it counts. */
const warmUpCount = 32
const program = '/opt/bench/map-memory'
const [ours, theirs] = mappedDevices.map(addressOf)
if (ours === undefined || theirs === undefined) throw new Error('two devices are needed')

/** Memory in huge pages of 2 MiB, as a machine with 64 GiB has it. */
function hugeFile(): number {
  const folder = '/run/huge'
  writeFileSync('/proc/sys/vm/nr_hugepages', String(Number(memorySize) / 0x20_0000))
  const granted = readFileSync('/proc/sys/vm/nr_hugepages', 'utf8').trim()
  mkdirSync(folder, { recursive: true })
  const { status, stderr } = spawnSync('mount', ['-t', 'hugetlbfs', 'none', folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`no huge pages: ${stderr}`)
  const fd = openSync(`${folder}/memory`, 'w+')
  ftruncateSync(fd, Number(memorySize))
  if (Number(granted) * 0x20_0000 < memorySize) throw new Error(`only ${granted} huge pages`)
  return fd
}

function cPath(address: string): string {
  if (backend === 'group') return `/dev/vfio/${iommuGroupOf(address)}`
  return readVfioDeviceNode('/sys', '/dev', address) ?? ''
}

bindToVfio(ours, theirs)
const fd = hugeFile()
using mapped = new MappedFile(fd, 0n, memorySize)
mapped.bytes.fill(1)
using ownership = new VfioOwnership({ backend })
await using fn = await ownership.open(ours)
const way = backend === 'group' ? 'type1' : 'iommufd'
await using inC = existsSync(program) ? new MapMemoryProgram(program, way, cPath(theirs), fd) : undefined

for (const set of pieceSets(gib)) {
  const result: MemoryResult = {
    pieces: set.name,
    count: set.count,
    backend: fn.backend,
    'kept in step': [],
    bare: [],
    c: [],
  }
  const ways = (pieces: PieceSet) => {
    const ranges = rangesOf(pieces, mapped.address)
    return {
      'kept in step': () => keptInStep(fn.dma, ranges),
      bare: () => mappedBare(fn.dma, ranges),
      ...(inC === undefined ? {} : { c: () => inC.pass(pieces) }),
    }
  }
  for (const way of Object.values(ways({ ...set, count: warmUpCount }))) await way()
  const measured = ways(set)
  const names = Object.keys(measured) as (keyof typeof measured)[]
  for (let round = 0; round < Math.min(rounds, set.rounds); round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const pass = await measured[name]?.()
      if (pass !== undefined) result[name].push(pass)
    }
  }
  report(result)
}
