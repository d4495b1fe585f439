// Devices for threads that go wrong.
import { setTimeout as wait } from 'node:timers/promises'
import { FileDescriptor } from '../../src/linux/file-descriptor.js'
import type { DeviceMaker } from '../../src/vfio-user/server/device-thread.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'

/** Makes a mistake after a write, in a turn of the event loop of its own. It tells when it is quiesced. */
export const makeFailing: DeviceMaker = (_, onEvent) => {
  const fail = (): void => {
    throw new Error('a mistake of the device')
  }
  const device = new RecordingDevice({ 0: memoryRegion(16, { write: () => void setImmediate(fail) }) })
  device.quiesce = async () => onEvent({ kind: 'cut-off', by: 'quiesce' })
  return { device }
}

/** Makes a mistake after a write, and then again and again. It takes its time to be quiesced. */
export const makeAlwaysFailing: DeviceMaker = (_, onEvent) => {
  let timer: NodeJS.Timeout | undefined
  const fail = (): void => {
    throw new Error('a mistake of the device')
  }
  const write = (): void => {
    timer = setInterval(fail, 1)
  }
  const device = new RecordingDevice({ 0: memoryRegion(16, { write }) })
  device.quiesce = async () => {
    await wait(50)
    clearInterval(timer)
    onEvent({ kind: 'cut-off', by: 'quiesce' })
  }
  return { device }
}

/** Has opened files and closed them again, and tells their numbers. */
export const makeWithClosedFiles: DeviceMaker = (_, onEvent) => {
  const files = Array.from({ length: 16 }, () => FileDescriptor.open('/dev/null'))
  for (const { fd } of files) onEvent({ kind: 'cut-off', by: String(fd) })
  for (const file of files) file[Symbol.dispose]()
  return { device: new RecordingDevice() }
}
