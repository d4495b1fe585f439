// In the guest: sends a result to the test that booted it.
import { closeSync, openSync, writeSync } from 'node:fs'
import { resultMarker } from '../guest-script.js'

/** Adds `value` to the results of the run. It travels as JSON; a bigint becomes a string such as "0x1000". */
export function report(value: unknown): void {
  const json = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `0x${part.toString(16)}` : part))
  const bytes = Buffer.from(`${resultMarker} ${json}\n`)
  const file = openSync(process.env['QUIESCE_VM_RESULTS'] ?? '/dev/stdout', 'w')
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
  } finally {
    closeSync(file)
  }
}
