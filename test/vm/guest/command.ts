// In the guest: runs a command line and returns all that it said.
import { spawn } from 'node:child_process'

export interface CommandResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

/** Runs `quiesce` with these arguments. */
export const quiesce = (...args: string[]) => run('quiesce', args)

/** Runs a program of the guest to its end, as root or as the user with that number. */
export function run(program: string, args: readonly string[] = [], user?: number): Promise<CommandResult> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr, ms: performance.now() - started }))
  })
}
