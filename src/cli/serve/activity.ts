// Asks the devices' threads every second what they did, and shows it.
import type { OfferedDevice } from './offered-device.js'
import { type Activity, statusLine } from './status-line.js'

const everyMs = 1000

interface Sample extends Activity {
  readonly at: number
  readonly messages: number
}

/** Until disposed. */
export function watchActivity(devices: readonly OfferedDevice[], show: (lines: readonly string[]) => void): Disposable {
  const samples = new Map<OfferedDevice, Sample>()
  const asked = new Set<OfferedDevice>()
  const draw = (): void =>
    show(
      devices.map((device) =>
        statusLine(device.status, samples.get(device) ?? { messagesPerSecond: undefined, counts: {} }),
      ),
    )
  const ask = async (device: OfferedDevice): Promise<void> => {
    // A thread that is busy answers later; meanwhile its last figures stand.
    if (asked.has(device)) return
    asked.add(device)
    const counts = await device.counts()
    asked.delete(device)
    if (counts === undefined) return
    const before = samples.get(device)
    const at = performance.now()
    const { messages } = counts
    const messagesPerSecond =
      before === undefined ? undefined : ((messages - before.messages) * 1000) / Math.max(1, at - before.at)
    samples.set(device, { at, messages, messagesPerSecond, counts: counts.device })
  }
  const timer = setInterval(() => {
    for (const device of devices) void ask(device)
    draw()
  }, everyMs)
  draw()
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      show([])
    },
  }
}
