import { exitStatus } from './exit-status.js'

/**
 * Lets the program go on when its outputs cannot be written, and end with its own status: it must not end before it has
 * let go of its devices in order. `quiesce list | head` closes the pipe early, which is the reader's right and no
 * error; anything else, such as a full disk, makes a success a failure.
 */
export function outliveReaders(): void {
  let isLost = false
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || isLost) return
      isLost = true
      if (stream === process.stdout) process.stderr.write(`quiesce: Cannot write the output: ${error.message}\n`)
    })
  }
  process.on('exit', (code) => {
    if (isLost && code === exitStatus.done) process.exitCode = exitStatus.failed
  })
}
