// The thread of one device: makes it, serves it, and tells what happens.
import { parentPort, workerData } from 'node:worker_threads'
import { UnixListener } from '../../linux/unix-listener.js'
import { DeviceServer } from './device-server.js'
import {
  type DeviceMaker,
  type FromThread,
  type MadeDevice,
  type ThreadData,
  type ToThread,
  threadFailure,
} from './device-thread.js'
import type { ServerEvent } from './server-event.js'

const { module, maker, data, at, server: options } = workerData as ThreadData

const tell = (message: FromThread): void => parentPort?.postMessage(message)
const onEvent = (event: ServerEvent): void => tell({ kind: 'event', event })

let made: MadeDevice | undefined
try {
  const make: DeviceMaker | undefined = (await import(module))[maker]
  if (make === undefined) throw new Error(`${module} exports no ${maker}`)
  const thing = await make(data, onEvent)
  made = thing
  const server = new DeviceServer(thing.device, { ...options, onEvent })
  server.listen('path' in at ? UnixListener.listen(at.path) : UnixListener.adopt(at.listener))
  const close = async () => {
    await server.close()
    await thing.close?.()
    parentPort?.close()
    process.exit()
  }
  let isClosing = false
  parentPort?.on('message', (message: ToThread) => {
    if (message === 'count') {
      tell({ kind: 'counts', counts: { messages: server.received, device: thing.counts?.() ?? {} } })
    } else if (!isClosing) {
      isClosing = true
      void close()
    }
  })
  tell({ kind: 'listening' })
} catch (error) {
  await made?.close?.()
  tell({ kind: 'failed', failure: threadFailure(error) })
}
