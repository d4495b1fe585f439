import {
  DvsecHeader1,
  DvsecHeader2,
  dvsecOffset,
  VendorLength,
  VsecHeader,
  vendorOffset,
  vsecOffset,
} from '../capabilities/vendor.js'
import {
  VirtioBar,
  VirtioLength,
  VirtioNotifyMultiplier,
  VirtioOffset,
  VirtioType,
  virtioDeviceIds,
  virtioOffset,
  virtioType,
  virtioVendorId,
} from '../capabilities/virtio.js'
import { type CapabilityPrinter, joined, onlyIf, type PrintView, row } from './capability-printer.js'
import { line, pick } from './line.js'

const virtioNames: Readonly<Record<number, string>> = {
  [virtioType.common]: 'CommonCfg',
  [virtioType.notify]: 'Notify',
  [virtioType.isr]: 'ISR',
  [virtioType.device]: 'DeviceCfg',
}

/** The bytes up to the capability's length. */
const minVirtioLength = 16
const multiplierLength = 20
const bytes = (view: PrintView) => view.read(vendorOffset.length, 1)

function isVirtio(view: PrintView): boolean {
  const { vendorId, deviceId } = view
  if (vendorId !== virtioVendorId || deviceId < virtioDeviceIds.first || deviceId > virtioDeviceIds.last) return false
  return bytes(view) >= minVirtioLength && view.has(0, bytes(view))
}

const virtioTitle = line(VirtioType, 'VirtIO: {type}', { type: pick(virtioNames, '<unknown>') })
const otherTitle = line(VendorLength, 'Len={bytes:02x} <?>')

const hasMultiplier = (view: PrintView) =>
  view.read(virtioOffset.type, 1) === virtioType.notify && bytes(view) >= multiplierLength
const virtioBody = joined(
  row(virtioOffset.bar, VirtioBar, 'BAR={bar}'),
  row(virtioOffset.offset, VirtioOffset, ' offset={offset:08x}'),
  row(virtioOffset.length, VirtioLength, ' size={length:08x}'),
  onlyIf(hasMultiplier, row(virtioOffset.notifyMultiplier, VirtioNotifyMultiplier, ' multiplier={multiplier:08x}')),
)

export const vendorPrinter: CapabilityPrinter = {
  title: (view) => {
    const detail = isVirtio(view) ? virtioTitle(view.read(virtioOffset.type, 1)) : otherTitle(bytes(view))
    return `Vendor Specific Information: ${detail}`
  },
  body: (view) => (isVirtio(view) ? [virtioBody(view) ?? ''] : []),
}

const vsec = line(VsecHeader, 'ID={id:04x} Rev={revision} Len={length:03x} <?>')
export const vsecPrinter: CapabilityPrinter = {
  title: (view) => {
    const isReadable = view.has(vsecOffset.header, 4)
    return `Vendor Specific Information: ${isReadable ? vsec(view.read(vsecOffset.header, 4)) : '<unreadable>'}`
  },
}

const dvsecVendor = line(DvsecHeader1, 'Vendor={vendorId:04x}')
const dvsecId = line(DvsecHeader2, ' ID={id:04x}')
const dvsecRest = line(DvsecHeader1, ' Rev={revision} Len={length} <?>')
export const dvsecPrinter: CapabilityPrinter = {
  title: (view) => {
    if (!view.has(dvsecOffset.header1, 8)) return 'Designated Vendor-Specific: <unreadable>'
    const header1 = view.read(dvsecOffset.header1, 4)
    const id = dvsecId(view.read(dvsecOffset.header2, 2))
    return `Designated Vendor-Specific: ${dvsecVendor(header1)}${id}${dvsecRest(header1)}`
  },
}
