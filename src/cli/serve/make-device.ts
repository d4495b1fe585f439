// Makes the devices of one thread, in it: one, or those that share an IOMMU group or a simulated machine.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { ResetPolicy } from '../../reset/policy.js'
import type { SimulatedFunction } from '../../sim/simulated-function.js'
import { DeviceGroup } from '../../vfio-user/server/device-group.js'
import type { DeviceMaker, MadeDevice, ThreadEventListener } from '../../vfio-user/server/device-thread.js'
import { PhysicalDevice } from '../../vfio-user/server/physical-device.js'
import type { ServedDevice } from '../../vfio-user/server/served-device.js'
import type { Backend } from '../common-options.js'
import { CountedDevice } from './counted-device.js'

/** What crosses to the thread. */
export interface DeviceOrder {
  /** `raw`: simulated hardware without a simulated kernel around it. */
  readonly kind: 'pci' | 'sim' | 'raw'
  readonly name: string
  /** Those for which it is the same share what one thread alone can have; undefined where nothing is shared. */
  readonly sharing: string | undefined
  readonly backend: Backend
  readonly policy: Partial<ResetPolicy>
  /** Clients get no files of BARs. */
  readonly trapsBars: boolean
}

type Maker = (orders: readonly DeviceOrder[], onEvent: ThreadEventListener) => Promise<readonly MadeDevice[]>

interface DevicePart {
  readonly sendsInterrupts: boolean
  readonly group?: DeviceGroup
  close?(): void | Promise<void>
}

function counted(device: ServedDevice, { sendsInterrupts, group, close }: DevicePart): MadeDevice {
  const watched = new CountedDevice(device, sendsInterrupts)
  return {
    device: watched,
    counts: () => watched.counts(),
    ...(group === undefined ? {} : { gate: group.gate(device.name) }),
    ...(close === undefined ? {} : { close }),
  }
}

/** Nobody has to be told apart where there is one device. */
function groupFor(orders: readonly DeviceOrder[]): { readonly group?: DeviceGroup } {
  return orders.length > 1 ? { group: new DeviceGroup() } : {}
}

/** Each kind has its own room, loaded only when it is needed. */
const makers: Readonly<Record<DeviceOrder['kind'], Maker>> = {
  async pci(orders, onEvent) {
    const [{ pciDevicesOpener }, { ReopenedDevices }] = await Promise.all([
      import('./open-pci-devices.js'),
      import('../../vfio-user/server/reopened-devices.js'),
    ])
    const shared = groupFor(orders)
    const onReopened = (ms: number): void => {
      for (const index of orders.keys()) onEvent({ kind: 'reopened', ms }, index)
    }
    const open = pciDevicesOpener(orders, shared.group, onEvent)
    const reopened = await ReopenedDevices.open(open, { ...shared, onReopened })
    const close = (): Promise<void> => reopened[Symbol.asyncDispose]()
    return reopened.devices.map((device) => counted(device, { ...shared, sendsInterrupts: false, close }))
  },
  async sim(orders, onEvent) {
    const [{ createSimulatedFunction }, { SimulatedMachine }, { RealTime }, { PacedDevice }] = await Promise.all([
      import('../../sim/create-simulated-function.js'),
      import('../../sim/simulated-machine.js'),
      import('../../sim/real-time.js'),
      import('./paced-device.js'),
    ])
    const machine = new SimulatedMachine()
    const time = new RealTime(machine.clock)
    const functions: SimulatedFunction[] = []
    for (const { name } of orders) {
      const [first] = functions
      // As functions of one card without access control are: one group, and so one container, which is emptied to contain one.
      const sharing = first === undefined ? {} : { shareDmaWith: first }
      const together = orders.length > 1 ? ({ ...sharing, containment: 'unmap-all' } as const) : {}
      functions.push(createSimulatedFunction(name, { machine, ...together }))
    }
    const shared = groupFor(orders)
    return functions.map((fn, index) => {
      const { policy: resetPolicy = {} } = orders[index] ?? {}
      const device = new PhysicalDevice(fn, { ...shared, resetPolicy, onEvent: (event) => onEvent(event, index) })
      const close = (): void => {
        time[Symbol.dispose]()
        fn[Symbol.dispose]()
      }
      return counted(new PacedDevice(device, time), { ...shared, sendsInterrupts: true, close })
    })
  },
  async raw(orders) {
    const [{ RawFunction }, { SimulatedMachine, addressesOf }, { simulatedModels }, { servedBusFunction }] =
      await Promise.all([
        import('../../sim/raw-function.js'),
        import('../../sim/simulated-machine.js'),
        import('../../sim/models/simulated-models.js'),
        import('../../vfio-user/server/served-bus-function.js'),
      ])
    const machine = new SimulatedMachine()
    return orders.map(({ name }) => {
      const model = [...simulatedModels.values()].find((each) => addressesOf(each).includes(name))
      const hardware = model && machine.plug(model)[addressesOf(model).indexOf(name)]
      if (hardware === undefined) {
        throw new QuiesceError('NO_DEVICE', `Cannot serve ${name}: there is no such model`, { device: name })
      }
      const fn = new RawFunction(hardware)
      const close = (): void => fn[Symbol.dispose]()
      return counted(servedBusFunction(name, fn), { sendsInterrupts: true, close })
    })
  },
}

export const makeDevices: DeviceMaker = (data, onEvent) => {
  const orders = data as readonly DeviceOrder[]
  const [first] = orders
  if (first === undefined) throw new Error('there is nothing to make')
  return makers[first.kind](orders, onEvent)
}
