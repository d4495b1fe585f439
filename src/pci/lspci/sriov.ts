import { memoryBarType } from '../bar.js'
import {
  FirstVfOffset,
  FunctionDependencyLink,
  InitialVfs,
  NumVfs,
  SriovCapabilities,
  SriovControl,
  SriovStatus,
  SupportedPageSizes,
  SystemPageSize,
  sriovBarCount,
  sriovOffset,
  TotalVfs,
  VfBar,
  VfDeviceId,
  VfMigrationStateArray,
  VfStride,
} from '../capabilities/sriov.js'
import { joined, type PrintView, printer, row } from './capability-printer.js'

const hex = (value: number): string => value.toString(16).padStart(8, '0')

/** The BARs that all virtual functions share, in one row. */
function vfBars(view: PrintView): string | undefined {
  const lines: string[] = []
  for (let index = 0; index < sriovBarCount; index++) {
    const number = index
    const raw = view.read(sriovOffset.bar0 + 4 * index, 4)
    if (raw === 0 || raw === 0xffffffff) continue
    const { type, prefetchable } = VfBar.decode(raw)
    let high = ''
    if (type === memoryBarType.bits64) {
      index++
      high = hex(view.read(sriovOffset.bar0 + 4 * index, 4))
    }
    const width = type === memoryBarType.bits32 ? '32-bit' : '64-bit'
    const address = `${high}${hex((raw & ~0xf) >>> 0)}`
    lines.push(`\t\tRegion ${number}: Memory at ${address} (${width}, ${prefetchable ? '' : 'non-'}prefetchable)`)
  }
  return lines.length === 0 ? undefined : lines.join('\n')
}

export const sriovPrinter = printer(
  'Single Root I/O Virtualization (SR-IOV)',
  [sriovOffset.capabilities, 0x3c],
  [
    row(
      sriovOffset.capabilities,
      SriovCapabilities,
      'IOVCap:\tMigration{vfMigration} 10BitTagReq{tag10BitRequester} IntMsgNum {interruptMessage}',
    ),
    row(
      sriovOffset.control,
      SriovControl,
      'IOVCtl:\tEnable{vfEnable} Migration{vfMigration} Interrupt{vfMigrationInterrupt} MSE{vfMemorySpace} ' +
        'ARIHierarchy{ariHierarchy} 10BitTagReq{tag10BitRequester}',
    ),
    row(sriovOffset.status, SriovStatus, 'IOVSta:\tMigration{vfMigration}'),
    joined(
      row(sriovOffset.initialVfs, InitialVfs, 'Initial VFs: {count}'),
      row(sriovOffset.totalVfs, TotalVfs, ', Total VFs: {count}'),
      row(sriovOffset.numVfs, NumVfs, ', Number of VFs: {count}'),
      row(sriovOffset.functionDependencyLink, FunctionDependencyLink, ', Function Dependency Link: {link:02x}'),
    ),
    joined(
      row(sriovOffset.firstVfOffset, FirstVfOffset, 'VF offset: {offset}'),
      row(sriovOffset.vfStride, VfStride, ', stride: {stride}'),
      row(sriovOffset.vfDeviceId, VfDeviceId, ', Device ID: {id:04x}'),
    ),
    joined(
      row(sriovOffset.supportedPageSizes, SupportedPageSizes, 'Supported Page Size: {sizes:08x}'),
      row(sriovOffset.systemPageSize, SystemPageSize, ', System Page Size: {size:08x}'),
    ),
    vfBars,
    row(sriovOffset.migrationStateArray, VfMigrationStateArray, 'VF Migration: offset: {offset}, BIR: {bar}', {
      offset: (units) => hex((units * 8) >>> 0),
    }),
  ],
)
