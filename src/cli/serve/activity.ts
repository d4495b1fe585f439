// Asks the devices' threads and the kernel every second what they did, and shows it.
import { DeliveredInterrupts } from './delivered-interrupts.js'
import type { OfferedDevice } from './offered-device.js'
import { type Activity, statusLine } from './status-line.js'

const everyMs = 1000

interface Sample extends Omit<Activity, 'delivered'> {
  readonly at: number
  readonly messages: number
}

/** Until disposed. */
export function watchActivity(devices: readonly OfferedDevice[], show: (lines: readonly string[]) => void): Disposable {
  const interrupts = new DeliveredInterrupts()
  const samples = new Map<OfferedDevice, Sample>()
  const asked = new Set<OfferedDevice>()
  const draw = (): void =>
    show(
      devices.map((device) => {
        const sample = samples.get(device) ?? { messagesPerSecond: undefined, counts: {} }
        return statusLine(device.status, { ...sample, delivered: interrupts.of(device.order.name) })
      }),
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
    interrupts.update()
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
