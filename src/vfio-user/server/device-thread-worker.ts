// The thread of one device: makes it, serves it, and tells what happens.
import { parentPort, workerData } from 'node:worker_threads'
import { UnixListener } from '../../linux/unix-listener.js'
import { DeviceServer } from './device-server.js'
import type { DeviceMaker, FromThread, ThreadData } from './device-thread.js'
import type { ServerEvent } from './server-event.js'

const { module, maker, data, at, server: options } = workerData as ThreadData

const tell = (message: FromThread): void => parentPort?.postMessage(message)
const onEvent = (event: ServerEvent): void => tell({ kind: 'event', event })

try {
  const make: DeviceMaker | undefined = (await import(module))[maker]
  if (make === undefined) throw new Error(`${module} exports no ${maker}`)
  const made = await make(data, onEvent)
  const server = new DeviceServer(made.device, { ...options, onEvent })
  server.listen('path' in at ? UnixListener.listen(at.path) : UnixListener.adopt(at.listener))
  parentPort?.once('message', async () => {
    await server.close()
    await made.close?.()
    parentPort?.close()
    process.exit()
  })
  tell({ kind: 'listening' })
} catch (error) {
  tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) })
}
