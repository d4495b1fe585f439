// Starts the servers and the client, all on one processor, and collects what the client measured. With two, waking the other
// one up is most of a round trip.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from '../c/compile.js'
import type { NvmeSamples } from './nvme-samples.js'
import { connectedPair } from './raw-socket.js'
import type { VfioUserSamples } from './samples.js'

export interface VfioUserMeasurement {
  readonly samples: VfioUserSamples
  readonly nvme: NvmeSamples
  /** What could not be had, each in a line. */
  readonly notes: readonly string[]
}

const diskSize = 8 << 20
const script = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url))

/** Runs it; some seconds for 15 rounds. */
export async function measureVfioUser(rounds: number): Promise<VfioUserMeasurement> {
  const notes: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-bench-'))
  try {
    const pin = pinning(notes)
    const node = (program: string, ...args: string[]) => [...pin, process.execPath, script(program), ...args]
    const echo = compile('echo', folder)
    if (!echo.ok) notes.push(`No echo in C to compare with: ${echo.reason}`)
    const servers: Readonly<Record<string, readonly string[]>> = {
      ...(echo.ok ? { 'C echo': [...pin, echo.path] } : {}),
      blocking: node('serve', 'blocking'),
      'event-loop': node('serve', 'event-loop'),
      device: node('serve', 'device'),
      'device for our client': node('serve', 'device'),
    }
    const client = node('client', ...Object.keys(servers), String(rounds))
    const samples = JSON.parse(await converse(Object.values(servers), client)) as VfioUserSamples
    const disk = join(folder, 'disk')
    writeFileSync(disk, new Uint8Array(diskSize))
    const nvmeClient = node('nvme-client', disk, String(rounds))
    const nvme = JSON.parse(await converse([node('serve', 'nvme', disk)], nvmeClient)) as NvmeSamples
    return { samples, nvme, notes }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts servers, each with a socket as descriptor 3, and a client with the other ends from there on. What the client prints. */
async function converse(servers: readonly (readonly string[])[], client: readonly string[]): Promise<string> {
  const children: ChildProcess[] = []
  const ends: number[] = []
  const start = ([program = '', ...args]: readonly string[], out: 'inherit' | 'pipe', fds: readonly number[]) => {
    const child = spawn(program, args, { stdio: ['ignore', out, 'inherit', ...fds] })
    children.push(child)
    return child
  }
  try {
    for (const command of servers) {
      const [end, theirs] = connectedPair()
      ends.push(end)
      start(command, 'inherit', [theirs])
      closeSync(theirs)
    }
    const child = start(client, 'pipe', ends)
    for (const end of ends.splice(0)) closeSync(end)
    return await outputOf(child)
  } finally {
    for (const end of ends) closeSync(end)
    // The servers end with their client; what has not, hangs.
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  }
}

function pinning(notes: string[]): string[] {
  const command = ['taskset', '-c', String(cpus().length - 1)]
  const [program = '', ...args] = command
  if (spawnSync(program, [...args, 'true']).status === 0) return command
  notes.push(
    'taskset does not work here: client and servers are not on one processor, and waking the other one dominates',
  )
  return []
}

function outputOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`the client ended with ${code}`))))
  })
}
