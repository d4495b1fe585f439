// Runs a compiled example as its reader does.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ExampleRun {
  readonly status: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

export function runExample(name: string, ...args: string[]): ExampleRun {
  const program = fileURLToPath(new URL(`../../../examples/${name}.js`, import.meta.url))
  const options = { encoding: 'utf8', env: { PATH: process.env['PATH'] }, timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options)
  return { status, lines: stdout.trimEnd().split('\n'), stderr }
}
