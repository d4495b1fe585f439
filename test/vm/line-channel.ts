// A Unix socket that QEMU connects to and that carries lines: a serial line of the guest, or QEMU's own monitor.
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface LineChannel extends Disposable {
  /** Sends a line. What is sent before QEMU has connected waits for it. */
  send(line: string): void
}

/** Listens at `path`; `onLine` hears what comes. */
export async function openLineChannel(path: string, onLine: (line: string) => void): Promise<LineChannel> {
  const waiting: string[] = []
  let peer: Socket | undefined
  const server = createServer((socket) => {
    peer = socket
    // QEMU ending is no error: the machine says itself how it ended. The reader repeats the socket's errors.
    const ignore = () => {}
    socket.on('error', ignore)
    createInterface({ input: socket }).on('line', onLine).on('error', ignore)
    for (const line of waiting.splice(0)) socket.write(line)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  return {
    send(line) {
      if (peer === undefined) waiting.push(`${line}\n`)
      else peer.write(`${line}\n`)
    },
    [Symbol.dispose]() {
      peer?.destroy()
      server.close()
    },
  }
}
