import { release } from '../attempt-all.js'
import type { ShareBar } from '../bars/bar-placements.js'
import { type DeviceEvents, reasonOf } from '../device-event.js'
import type { PeerArea } from './peer-areas.js'

/** Shares the mapped parts of BARs as dma-bufs. What fails is an event: the device works without. */
export function barSharing(owner: object, share: (area: PeerArea) => Disposable, events: DeviceEvents): ShareBar {
  return ({ index, region }, pieces, address) => {
    if (region.share === undefined) return undefined
    const holds: Disposable[] = []
    const failed = (error: unknown): void =>
      events.report({ kind: 'bar-not-shared', bar: index, address, reason: reasonOf(error) })
    for (const { how, offset, size } of pieces) {
      if (how !== 'mapped') continue
      try {
        const shared = region.share({ offset, size })
        holds.push(shared)
        holds.push(share({ guestAddress: address + offset, size, dmabuf: shared.fd, owner, failed }))
      } catch (error) {
        failed(error)
      }
    }
    return { [Symbol.dispose]: () => release(holds) }
  }
}
