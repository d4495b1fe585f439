// In the guest: a device on the kernel's VFIO, served from this process with a witness, and what a test asks of the service.
import { setTimeout as wait } from 'node:timers/promises'
import { UnixListener } from '../../../src/linux/unix-listener.js'
import type { Verdict } from '../../../src/reset/report.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { DeviceServer } from '../../../src/vfio-user/server/device-server.js'
import { PhysicalDevice } from '../../../src/vfio-user/server/physical-device.js'
import type { ServerEvent } from '../../../src/vfio-user/server/server-event.js'
import type { ShellGuest } from '../shell-guest.js'
import { run } from './command.js'
import { type Cut, WatchedDevice } from './whole-way-device.js'

/** What was in flight and was cut short, with the verdicts of all resets since. */
export interface CutTransfer extends Cut {
  readonly verdicts: readonly Verdict[]
}

/** A client of ours that comes afterwards: its exit status, and its device's identity and whether it could be reset. */
export interface NextClient {
  readonly status: number | null
  readonly said: string
}

export interface WatchedService extends AsyncDisposable {
  readonly device: WatchedDevice
  readonly server: DeviceServer
  readonly fn: Awaited<ReturnType<typeof openVfioFunction>>
  /** Settles when what `cut` did has quieted the device, and what was in flight would have arrived. */
  untilCut(cut: () => void): Promise<CutTransfer>
  /** Whether the client's memory changes within `ms` while the guest stands still: whether something lands, that is. */
  landsWhilePaused(guest: ShellGuest, ms: number, begin?: () => void): Promise<boolean>
  /** Lets the next client in, once the last one's memory has been given back. */
  connectOnce(): Promise<NextClient>
}

export async function serveWatched(address: string, socket: string): Promise<WatchedService> {
  const events: ServerEvent[] = []
  const onEvent = (event: ServerEvent) => events.push(event)
  const ownership = new VfioOwnership()
  const fn = await openVfioFunction(address, ownership)
  const device = new WatchedDevice(new PhysicalDevice(fn, { onEvent }), fn)
  const server = new DeviceServer(device, { onEvent })
  server.listen(UnixListener.listen(socket))
  return {
    device,
    server,
    fn,
    async untilCut(cut) {
      events.length = 0
      cut()
      while (device.cut === undefined) await wait(5)
      const verdicts = events.flatMap((event) => (event.kind === 'reset-report' ? [event.report.verdict] : []))
      return { ...device.cut, verdicts }
    },
    async landsWhilePaused(guest, ms, begin) {
      await guest.qmp('stop')
      const before = device.memory?.copy()
      begin?.()
      await wait(ms)
      const after = device.memory?.copy()
      await guest.qmp('cont')
      return before !== undefined && after !== undefined && !before.equals(after)
    },
    async connectOnce() {
      while (server.isOccupied) await wait(5)
      const client = `
const { openVfioUserFunction } = await import('/app/build/src/vfio-user/client/vfio-user-function.js')
const fn = openVfioUserFunction('${socket}')
const ids = fn.config.read(0, 4).toString(16)
const { ok } = await fn.reset()
console.log(ids, ok)
process.exit()`
      const { status, stdout } = await run('node', ['--input-type=module', '-e', client])
      return { status, said: stdout.trim() }
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      fn[Symbol.dispose]()
      ownership[Symbol.dispose]()
    },
  }
}
