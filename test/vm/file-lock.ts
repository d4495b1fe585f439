// A lock between processes. flock(1) holds it in a child that ends with this process, whatever ends it, and with it the lock.
import { spawn } from 'node:child_process'
import { CommandFailed } from './run-command.js'

/** Runs `action` while no other process holds the lock on the file at `path`, which is created if need be. */
export async function whileLocked<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  // cat says that the lock is held, and ends when its standard input is closed.
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    holder.once('error', (error) => reject(new CommandFailed(`flock cannot be started (${error.message})`)))
    holder.once('close', (status) => reject(new CommandFailed(`flock ended with ${status} on ${path}`)))
    holder.stdout.once('data', () => resolve())
  })
  try {
    return await action()
  } finally {
    holder.stdin.end()
    await ended
  }
}
