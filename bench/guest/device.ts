// In the guest: reads of config space, and opening and closing, with a guest's device and without. Argument: rounds.
import { AssignedDevice } from '../../src/device/assigned-device.js'
import { regionIndex } from '../../src/function/region.js'
import type { VfioFunction } from '../../src/vfio/vfio-function.js'
import { VfioOwnership } from '../../src/vfio/vfio-ownership.js'
import { addressOf } from '../../test/vm/guest/addresses.js'
import { bindToVfio } from '../../test/vm/guest/binding.js'
import { report } from '../../test/vm/guest/report.js'
import { type ConfigReads, measureConfigReads } from '../device/config-reads.js'
import { leastVmm } from '../device/least-vmm.js'
import { measureOpenClose, type OpenCloseSamples } from '../device/open-close.js'
import { assignedDevices } from '../devices.js'

/** What this program reports of each device. */
export interface DeviceResult {
  readonly device: string
  readonly backend: string
  readonly reads: ConfigReads
  readonly openClose: OpenCloseSamples
}

const rounds = Number(process.argv[2])
const batch = 200
/** On the software CPU it takes long until code is compiled. */
const warmUp = 15
const memorySize = 0x20_0000n

/** The device's own file. Its regions begin at index << 40 (VFIO_PCI_INDEX_TO_OFFSET). */
function configFile({ regions }: VfioFunction) {
  const file = regions[regionIndex.bar0]?.file
  if (file === undefined) throw new Error('BAR 0 has no file')
  return { fd: file.fd, start: regionIndex.config * 2 ** 40 }
}

async function measureReads(open: () => Promise<VfioFunction>): Promise<ConfigReads> {
  const fn = await open()
  const device = AssignedDevice.open(fn, leastVmm())
  try {
    return measureConfigReads(fn, device, configFile(fn), { rounds, batch, warmUp })
  } finally {
    await device.close()
  }
}

bindToVfio(...assignedDevices.map(addressOf))
for (const name of assignedDevices) {
  using ownership = new VfioOwnership()
  const open = () => ownership.open(addressOf(name))
  const reads = await measureReads(open)
  const fn = await open()
  using memory = fn.dma.allocate(memorySize)
  const { backend } = fn
  await fn[Symbol.asyncDispose]()
  const backing = { hostAddress: memory.address }
  const vmm = leastVmm([{ guestAddress: 0n, size: memorySize, access: 'read-write', backing }])
  const close = (opened: VfioFunction) => opened[Symbol.asyncDispose]()
  const openClose = await measureOpenClose({ open, close, vmm }, rounds)
  const result: DeviceResult = { device: name, backend, reads, openClose }
  report(result)
}
