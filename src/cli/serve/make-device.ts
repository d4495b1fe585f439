// Makes a device in the thread that serves it.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { ResetPolicy } from '../../reset/policy.js'
import type { DeviceMaker, MadeDevice } from '../../vfio-user/server/device-thread.js'
import { PhysicalDevice } from '../../vfio-user/server/physical-device.js'
import type { ServedDevice } from '../../vfio-user/server/served-device.js'
import type { ServerEventListener } from '../../vfio-user/server/server-event.js'
import type { Backend } from '../common-options.js'
import { CountedDevice } from './counted-device.js'

/** What crosses to the thread. */
export interface DeviceOrder {
  /** `raw`: simulated hardware without a simulated kernel around it. */
  readonly kind: 'pci' | 'sim' | 'raw'
  readonly name: string
  readonly backend: Backend
  readonly policy: Partial<ResetPolicy>
}

type Maker = (order: DeviceOrder, onEvent: ServerEventListener) => Promise<MadeDevice>

function counted(device: ServedDevice, sendsInterrupts: boolean, close: MadeDevice['close']): MadeDevice {
  const watched = new CountedDevice(device, sendsInterrupts)
  return { device: watched, counts: () => watched.counts(), ...(close === undefined ? {} : { close }) }
}

/** Each kind has its own room, loaded only when it is needed. */
const makers: Readonly<Record<DeviceOrder['kind'], Maker>> = {
  async pci({ name, backend, policy }, onEvent) {
    const { VfioOwnership } = await import('../../vfio/vfio-ownership.js')
    const fn = await new VfioOwnership({ backend }).open(name)
    const device = new PhysicalDevice(fn, { resetPolicy: policy, onEvent })
    return counted(device, !fn.interrupts.canUnmaskByEventfd, () => fn[Symbol.asyncDispose]())
  },
  async sim({ name, policy }, onEvent) {
    const [{ openSimulated }, { PacedDevice }] = await Promise.all([
      import('../simulated-device.js'),
      import('./paced-device.js'),
    ])
    const fn = await openSimulated(name)
    const device = new PacedDevice(new PhysicalDevice(fn, { resetPolicy: policy, onEvent }), fn.clock)
    return counted(device, true, () => {
      device[Symbol.dispose]()
      fn[Symbol.dispose]()
    })
  },
  async raw({ name }) {
    const [{ RawFunction }, { SimulatedMachine, addressesOf }, { simulatedModels }, { servedBusFunction }] =
      await Promise.all([
        import('../../sim/raw-function.js'),
        import('../../sim/simulated-machine.js'),
        import('../../sim/models/simulated-models.js'),
        import('../../vfio-user/server/served-bus-function.js'),
      ])
    const model = [...simulatedModels.values()].find((each) => addressesOf(each).includes(name))
    const hardware = model && new SimulatedMachine().plug(model)[addressesOf(model).indexOf(name)]
    if (hardware === undefined) {
      throw new QuiesceError('NO_DEVICE', `Cannot serve ${name}: there is no such model`, { device: name })
    }
    const fn = new RawFunction(hardware)
    return counted(servedBusFunction(name, fn), true, () => fn[Symbol.dispose]())
  },
}

export const makeDevice: DeviceMaker = (data, onEvent) => {
  const order = data as DeviceOrder
  return makers[order.kind](order, onEvent)
}
