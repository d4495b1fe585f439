// In the guest: what a program that holds several devices open sees of the reset procedure. Reports one object per case.
import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import type { ResetReport } from '../../../src/reset/report.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf } from './addresses.js'
import { bindToVfio, setResetMethods } from './binding.js'
import { Canary, EduDriver, transferMs } from './edu-driver.js'
import { report } from './report.js'

export interface ResetCase {
  readonly case: string
  readonly reports: readonly ResetReport[]
  readonly landed?: boolean
  readonly eventLoopTurns?: number
}

const at = {
  shared: [addressOf('edu-shared-a'), addressOf('edu-shared-b')] as const,
  e1000e: addressOf('e1000e'),
  nvme: addressOf('nvme'),
  root: addressOf('edu-root'),
}
bindToVfio(...at.shared, at.e1000e, at.nvme, at.root)
using ownership = new VfioOwnership()
const tell = (entry: ResetCase): void => report(entry)

{
  // The kernel said at open that it can reset the device, and has no method left when it is asked to.
  using fn = await openVfioFunction(at.e1000e, ownership)
  setResetMethods(at.e1000e, '\n')
  tell({ case: 'methods emptied while open', reports: [await resetFunction(fn)] })
  setResetMethods(at.e1000e, 'default')
}

{
  using a = await openVfioFunction(at.shared[0], ownership)
  using b = await openVfioFunction(at.shared[1], ownership)
  const [first, second] = [new EduDriver(a), new EduDriver(b)]
  first.enable()
  second.enable()
  using canary = new Canary(b, 0x20_0000n)
  canary.fill(0x11)
  second.store(canary.iova, 64)
  // b is in the middle of a DMA, and is reset together with a: it must be quiet before.
  const outcome = await resetFunction(a, { policy: { methods: ['hot'] }, companions: [b] })
  await wait(2 * transferMs)
  tell({ case: 'hot reset with a companion', reports: [outcome], landed: !canary.isIntact(0x11) })
}

{
  using a = await openVfioFunction(at.nvme, ownership)
  using b = await openVfioFunction(at.e1000e, ownership)
  const reports = await Promise.all([resetFunction(a), resetFunction(b)])
  // Turns of the event loop while a reset is in the kernel: were the call to block, there would be none.
  let eventLoopTurns = 0
  let isRunning = true
  const reset = a.reset().finally(() => {
    isRunning = false
  })
  while (isRunning) {
    await immediate()
    eventLoopTurns++
  }
  await reset
  tell({ case: 'two at once', reports, eventLoopTurns })
}

{
  // A guest that leaves its device in D3hot; the kernel restores Command on the way back, Bus Master included.
  using fn = await openVfioFunction(at.e1000e, ownership)
  new EduDriver(fn).enable()
  fn.config.write(0xcc, 2, 3)
  await wait(20)
  tell({ case: 'left in D3hot', reports: [await resetFunction(fn)] })
}

{
  // Containment alone: Bus Master stays on, and the IOMMU lets nothing through.
  using fn = await openVfioFunction(at.root, ownership)
  const edu = new EduDriver(fn)
  edu.enable()
  using canary = new Canary(fn, 0x10_0000n)
  canary.fill(0x11)
  edu.store(canary.iova, 64)
  const outcome = fn.contain()
  await wait(2 * transferMs)
  const before = canary.isIntact(0x11)
  report({ case: 'contained', ok: outcome.ok, landed: !before, stillMaster: (fn.config.read(4, 2) & 4) !== 0 })
}
