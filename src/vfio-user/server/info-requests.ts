// What a device has: DEVICE_GET_INFO, DEVICE_GET_REGION_INFO, DEVICE_GET_REGION_IO_FDS, DEVICE_GET_IRQ_INFO.
import { type InterruptKind, interruptKinds } from '../../function/interrupts.js'
import type { RequestPayload } from '../messages/commands.js'
import { DeviceInfoFlags, IrqInfoFlags, RegionInfoFlags } from '../messages/flags.js'
import { regionInfoReply } from '../messages/region-areas.js'
import { DeviceInfo, IoFdSubRegion, IrqInfo, RegionIoFds } from '../messages/structs.js'
import { type Answer, refuse } from './answer.js'
import type { ServedRegion } from './served-device.js'
import type { Session } from './session.js'

/** VFIO_PCI_NUM_REGIONS: a PCI device has them all, some of no size. */
const regionCount = 9
/** VFIO_USER_IO_FD_TYPE_IOEVENTFD. */
const ioeventfd = 0

export function deviceInfo(_: RequestPayload<'DEVICE_GET_INFO'>, { device }: Session): Answer<'DEVICE_GET_INFO'> {
  const flags = DeviceInfoFlags.encode({ reset: device.canReset, pci: true })
  const counts = { num_regions: regionCount, num_irqs: interruptKinds.length }
  return { ok: true, payload: { argsz: DeviceInfo.size, flags, ...counts } }
}

export function regionInfo(
  { index, argsz }: RequestPayload<'DEVICE_GET_REGION_INFO'>,
  { device }: Session,
): Answer<'DEVICE_GET_REGION_INFO'> {
  if (index >= regionCount) return refuse('EINVAL', `region ${index}`)
  const region = device.regions[index]
  if (region === undefined || region.size === 0n) {
    return { ok: true, payload: regionInfoReply({ index, flags: 0, size: 0n, offset: 0n, areas: [] }, argsz) }
  }
  const { size, readable, writable, mappable = [], file } = region
  const mmap = file !== undefined && mappable.length > 0
  const flags = RegionInfoFlags.encode({ read: readable, write: writable, mmap })
  const [first] = mappable
  const isWhole = mappable.length === 1 && first?.offset === 0n && first.size === size
  const areas = mmap && !isWhole ? mappable : []
  const reply = regionInfoReply({ index, flags, size, offset: mmap ? file.offset : 0n, areas }, argsz)
  // With a reply that is cut short the client could do nothing with it: it asks again.
  const fds = mmap && reply.argsz <= argsz ? [file.fd] : []
  return { ok: true, payload: reply, fds }
}

export function regionIoFds(
  { index, argsz }: RequestPayload<'DEVICE_GET_REGION_IO_FDS'>,
  { device, channel }: Session,
): Answer<'DEVICE_GET_REGION_IO_FDS'> {
  const region: ServedRegion | undefined = index >= regionCount ? undefined : device.regions[index]
  if (region === undefined || region.size === 0n) return refuse('EINVAL', `no region ${index}`)
  const eventfds = region.eventfds ?? []
  const fds = [...new Set(eventfds.map(({ fd }) => fd))]
  const needed = RegionIoFds.size + eventfds.length * IoFdSubRegion.size
  const fits = needed <= argsz && fds.length <= (channel.terms?.peerMaxMessageFds ?? 0)
  const items = eventfds.map(({ offset, size, fd, flags = 0, datamatch = 0n }) => ({
    offset,
    size,
    fd_index: fds.indexOf(fd),
    type: ioeventfd,
    flags,
    padding: 0,
    datamatch,
  }))
  const payload = { argsz: needed, flags: 0, index, count: eventfds.length, items: fits ? items : [] }
  return { ok: true, payload, fds: fits ? fds : [] }
}

export function irqInfo(
  { index }: RequestPayload<'DEVICE_GET_IRQ_INFO'>,
  { interrupts }: Session,
): Answer<'DEVICE_GET_IRQ_INFO'> {
  const kind: InterruptKind | undefined = interruptKinds[index]
  if (kind === undefined) return refuse('EINVAL', `interrupt index ${index}`)
  const { count, maskable, automasked, fixedSize } = interrupts.info(kind)
  const flags = count === 0 ? 0 : IrqInfoFlags.encode({ eventfd: true, maskable, automasked, noresize: fixedSize })
  return { ok: true, payload: { argsz: IrqInfo.size, flags, index, count } }
}
