// Runs a program of the host to its end. What it says on stderr becomes part of the error.
import { spawn } from 'node:child_process'

/** The program could not be started, or ended with a status other than 0. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

export interface CommandOptions {
  /** Instead of this process's own. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly timeoutMs?: number
}

/** Runs `program` without a shell and returns its standard output. */
export function runCommand(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env ?? { ...process.env, LC_ALL: 'C' },
      timeout: options.timeoutMs,
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', (error) => reject(new CommandFailed(`${program} cannot be started (${error.message})`)))
    child.on('close', (status, signal) => {
      if (status === 0) resolve(stdout)
      else
        reject(new CommandFailed(`${program} ended with ${signal ?? status}: ${lastLine(stderr) || lastLine(stdout)}`))
    })
  })
}

function lastLine(text: string): string {
  const lines = text.trim().split('\n')
  // apt says what went wrong in lines that start with E:, and ends with advice; a compiler and a linker say it before make does.
  const reason = /^E:|: (fatal )?error: |undefined reference|^ld: /
  return (lines.find((line) => reason.test(line)) ?? lines.at(-1) ?? '').trim()
}
