// The example programs, each in a process of its own, through many reboots of their guest: what a reboot leaves behind would
// show in their memory and their descriptors. QUIESCE_REBOOTS says how many; a hundred take about half an hour.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bootWithVfioUser } from './boot-shell-guest.js'

const reboots = Number(process.env['QUIESCE_REBOOTS'] ?? '4')
/** What V8 takes for itself before its first large collections, and a bit. */
const slackKiB = 24 * 1024

/** Starts an example; resolved once it listens. */
async function start(name: string, ...args: string[]): Promise<ChildProcess> {
  const program = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))
  // A small young generation, so that garbage does not look like a leak.
  const child = spawn(process.execPath, ['--max-semi-space-size=2', program, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout ?? child, 'data')
  return child
}

function residentKiB({ pid }: ChildProcess): number {
  const [, kib] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib)
}

const descriptors = ({ pid }: ChildProcess): number => readdirSync(`/proc/${pid}/fd`).length

describe('the example programs', () => {
  it(`are no larger after ${reboots} reboots than after the first`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quiesce-reboots-'))
    const [image = '', rng = '', disk = ''] = ['image', 'rng', 'disk'].map((name) => join(folder, name))
    writeFileSync(image, '')
    truncateSync(image, 64 << 20)
    const programs = [await start('virtio-rng', rng), await start('nvme-disk', image, disk)]
    try {
      await using guest = await bootWithVfioUser({ sockets: [rng, disk] })
      const measure = async () => {
        await guest.expect('dd if=/dev/nvme0n1 of=/dev/null bs=256k count=64 iflag=direct')
        await guest.expect('dd if=/dev/hwrng of=/dev/null bs=1k count=16')
        return programs.map((program) => ({ resident: residentKiB(program), open: descriptors(program) }))
      }
      let first: Awaited<ReturnType<typeof measure>> = []
      for (let round = 1; round <= reboots; round++) {
        await guest.restart(round % 2 === 0 ? 'reboot' : 'reset line')
        const now = await measure()
        if (round === 1) first = now
        console.log(`reboot ${round}: ${now.map(({ resident, open }) => `${resident} KiB, ${open} open`).join('; ')}`)
      }
      for (const [i, { resident, open }] of (await measure()).entries()) {
        const before = first[i]
        assert.ok(before)
        assert.ok(resident < before.resident + slackKiB, `${before.resident} KiB at first, ${resident} KiB now`)
        assert.equal(open, before.open)
      }
      assert.equal(await guest.powerOff(), 0)
    } finally {
      for (const program of programs) {
        program.kill('SIGTERM')
        const [code] = (await once(program, 'exit')) as [number | null]
        assert.equal(code, 0, 'it ends as it was asked to')
      }
      rmSync(folder, { recursive: true })
    }
  })
})
