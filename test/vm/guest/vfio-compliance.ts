// In the guest: the compliance suite of every PhysicalFunction, on the kernel's VFIO, by group or (argument `cdev`) by
// character device. Ends with status 0 if all passed.
import assert from 'node:assert/strict'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import type { ComplianceDevice } from '../../compliance/compliance-fixture.js'
import { describeCompliance } from '../../compliance/describe-compliance.js'
import type { DeviceName } from '../devices.js'
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { EduDriver, transferMs } from './edu-driver.js'

function write(fn: PhysicalFunction, offset: bigint, value: number): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  fn.regions[0]?.write(offset, bytes)
}

/** QEMU's edu: its state outlives every reset, since it has no reset handler. */
const edu = {
  vendorId: 0x1234,
  deviceId: 0x11e8,
  classRevision: 0x00ff_0010,
  configSize: 256,
  bars: [{ index: 0, size: 0x10_0000n }],
  vectors: { intx: 1, msi: 1, msix: 0 },
  resetClears: false,
  // The liveness register reads as the complement of what was written.
  scratch: { region: 0, offset: 0x04n, reads: (written: number) => ~written >>> 0, afterReset: 0 },
  interrupt: {
    raise: (fn: PhysicalFunction) => write(fn, 0x60n, 1),
    acknowledge: (fn: PhysicalFunction) => write(fn, 0x64n, 1),
  },
  transfer: {
    start: (fn: PhysicalFunction, iova: bigint) => new EduDriver(fn).store(iova, 64),
    landsWithinMs: 2.5 * transferMs,
  },
} as const

const nvme = {
  vendorId: 0x1b36,
  deviceId: 0x0010,
  classRevision: 0x0108_0202,
  configSize: 4096,
  bars: [{ index: 0, size: 0x4000n }],
  vectors: { intx: 1, msi: 0, msix: 65 },
  // Admin Queue Attributes, which outlive even an FLR in QEMU's model.
  resetClears: false,
  scratch: { region: 0, offset: 0x24n, reads: (written: number) => written, afterReset: 0 },
} as const

const devices: Partial<Record<DeviceName, ComplianceDevice>> = {
  'edu-root': { ...edu, canReset: false, bus: 'root' },
  'edu-port': { ...edu, canReset: true, bus: 'alone' },
  nvme: { ...nvme, canReset: true, bus: 'alone' },
}

const backend = process.argv[2] === 'cdev' ? 'cdev' : 'group'

for (const [name, device] of Object.entries(devices) as [DeviceName, ComplianceDevice][]) {
  const address = addressOf(name)
  bindToVfio(address)
  describeCompliance(`${name} by ${backend}`, () => ({
    device,
    open: async () => {
      const fn = await openVfioFunction(address, new VfioOwnership({ backend }))
      assert.equal(fn.backend, `vfio-${backend}`)
      return fn
    },
  }))
}
