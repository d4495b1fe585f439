// Simulated devices, for commands that take sim:<model>. Loaded only when one is named.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { SimulatedFunction } from '../sim/simulated-function.js'
import type { SimulatedMachine } from '../sim/simulated-machine.js'

/**
 * The address of the function that a model's name means.
 * @throws QuiesceError `NO_DEVICE` if there is no such model
 */
export async function simulatedAddress(name: string): Promise<string> {
  const [{ simulatedModels }, { addressesOf }] = await Promise.all([
    import('../sim/models/simulated-models.js'),
    import('../sim/simulated-machine.js'),
  ])
  const model = simulatedModels.get(name)
  const addresses = [...simulatedModels.values()].flatMap(addressesOf)
  const address = model === undefined ? addresses.find((each) => each === `sim:${name}`) : addressesOf(model)[0]
  if (address !== undefined) return address
  throw new QuiesceError('NO_DEVICE', `Cannot find sim:${name}: there is no such model`, {
    device: `sim:${name}`,
    hint: `Choose one of ${addresses.join(', ')}`,
  })
}

/** Opens a simulated function, in a machine of its own if none is given. */
export async function openSimulated(address: string, machine?: SimulatedMachine): Promise<SimulatedFunction> {
  const { createSimulatedFunction } = await import('../sim/create-simulated-function.js')
  return createSimulatedFunction(address, machine === undefined ? {} : { machine })
}

/** Where the memory lies that a guest gives its device. */
export const guestIova = 0x10_0000n
const guestMemory = 0x1000n

/** Lets the guest start a DMA, so that there is something to stop. */
export async function startGuestDma(fn: SimulatedFunction): Promise<void> {
  fn.dma.map(guestIova, fn.dma.allocate(guestMemory), 'read-write')
  fn.startDma({ iova: guestIova, length: 4096 })
  await fn.clock.sleep(5)
}
