// The thread of one device, or of several that share something: makes them, serves them, and tells what happens.
import { parentPort, workerData } from 'node:worker_threads'
import { UnixListener } from '../../linux/unix-listener.js'
import { DeviceServer } from './device-server.js'
import {
  type DeviceMaker,
  type FromThread,
  type MadeDevice,
  type ServedAt,
  type ThreadData,
  type ToThread,
  threadFailure,
} from './device-thread.js'
import type { ServerEvent } from './server-event.js'

const { module, maker, data, at, server: options } = workerData as ThreadData
const places: readonly ServedAt[] = 'length' in at ? at : [at]

const tell = (message: FromThread): void => parentPort?.postMessage(message)
const onEvent = (event: ServerEvent, device = 0): void => tell({ kind: 'event', event, device })

let made: readonly MadeDevice[] = []
let servers: readonly DeviceServer[] = []
/** All of them, whatever becomes of one; the first failure, if there was one. */
const closeDevices = async (): Promise<void> => {
  const failures: unknown[] = []
  for (const each of made) {
    try {
      await each.close?.()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
const end = async (): Promise<void> => {
  await Promise.all(servers.map((server) => server.close()))
  await closeDevices()
}

try {
  const make: DeviceMaker | undefined = (await import(module))[maker]
  if (make === undefined) throw new Error(`${module} exports no ${maker}`)
  const things = await make(data, onEvent)
  made = 'device' in things ? [things] : things
  if (made.length !== places.length) throw new Error(`${maker} made ${made.length} devices for ${places.length} places`)
  servers = made.map(({ device, gate }, index) => {
    const more = { ...options, onEvent: (event: ServerEvent) => onEvent(event, index) }
    return new DeviceServer(device, gate === undefined ? more : { ...more, gate })
  })
  for (const [index, place] of places.entries()) {
    servers[index]?.listen('path' in place ? UnixListener.listen(place.path) : UnixListener.adopt(place.listener))
  }
  // A failure that nobody caught ends the thread, but not before its devices are quiet: the process goes on, and with it
  // whatever they do. What fails after that does not end it any sooner.
  let isFailing = false
  const onFailure = (error: Error): void => {
    if (isFailing) return
    isFailing = true
    const fail = () =>
      setImmediate(() => {
        process.off('uncaughtException', onFailure)
        throw error
      })
    void end().then(fail, fail)
  }
  process.on('uncaughtException', onFailure)
  const close = async () => {
    await end()
    parentPort?.close()
    process.exit()
  }
  let isClosing = false
  parentPort?.on('message', (message: ToThread) => {
    if (message === 'count') {
      const counts = servers.map(({ received }, index) => ({
        messages: received,
        device: made[index]?.counts?.() ?? {},
      }))
      tell({ kind: 'counts', counts })
    } else if (!isClosing) {
      isClosing = true
      void close()
    }
  })
  tell({ kind: 'listening' })
} catch (error) {
  try {
    // One that is listened for already may have a client.
    await end()
  } catch {
    // What kept it from starting is what is told.
  }
  tell({ kind: 'failed', failure: threadFailure(error) })
}
