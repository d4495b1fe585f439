// Somebody else's vfio-user device as a PhysicalFunction: the reset procedure and the assigned device work on it as on any
// other.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { Clock } from '../../function/clock.js'
import type { ContainmentOutcome, HotResetScope, KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import { type Region, regionIndex } from '../../function/region.js'
import { describeErrno, errnoName } from '../../linux/errno.js'
import { machineClock } from '../../linux/machine-clock.js'
import { UnixSocket } from '../../linux/unix-socket.js'
import { Command } from '../../pci/command.js'
import { headerOffset } from '../../pci/header.js'
import { DeviceInfoFlags } from '../messages/flags.js'
import { DeviceInfo } from '../messages/structs.js'
import { ClientConnection, clientSendSize } from './connection.js'
import { RemoteDmaSpace } from './remote-dma-space.js'
import { RemoteInterrupts } from './remote-interrupts.js'
import { RemoteConfigSpace, RemoteRegion, readRegionInfo } from './remote-region.js'
import { ResetGate } from './reset-gate.js'

/** Longer than the kernel's longest reset, which the server may be running. */
const resetTimeoutMs = 150_000

/** Config space is one of two sizes (PCIe 6.0 7.2.2); a server may keep it in something larger. */
function configSize(size: bigint): 256 | 4096 | undefined {
  if (size >= 4096n) return 4096
  return size >= 256n ? 256 : undefined
}

const alone = { ok: false, errno: 'ENODEV', message: 'vfio-user has no hot reset' } as const
const stillResetting = { ok: false, errno: 'EBUSY', message: 'an earlier reset of this device has not ended' } as const

export class VfioUserFunction implements PhysicalFunction {
  readonly address: string
  readonly backend = 'vfio-user'
  /** The protocol does not say; what it means for Memory Space Enable is the server's to know. */
  readonly isVirtualFunction = false
  readonly clock: Clock = machineClock
  readonly config: RemoteConfigSpace
  readonly regions: readonly (Region | undefined)[]
  readonly interrupts: RemoteInterrupts
  readonly dma: RemoteDmaSpace
  readonly canReset: boolean
  readonly #connection: ClientConnection
  readonly #gate: ResetGate
  readonly #regions: readonly RemoteRegion[]

  /** Takes over the connection. */
  constructor(connection: ClientConnection) {
    const { address } = connection
    this.#connection = connection
    this.#gate = new ResetGate(address)
    this.address = address
    const request = { argsz: DeviceInfo.size, flags: 0, num_regions: 0, num_irqs: 0 }
    const refused = { code: 'SYSTEM', action: `open ${address}` } as const
    const { flags, num_regions } = connection.ask('DEVICE_GET_INFO', request, refused).payload
    const { pci, reset } = DeviceInfoFlags.decode(flags)
    const configInfo = num_regions > regionIndex.config ? readRegionInfo(connection, regionIndex.config) : undefined
    configInfo?.file?.[Symbol.dispose]()
    const size = configSize(configInfo?.size ?? 0n)
    if (!pci || size === undefined) {
      throw new QuiesceError('UNSUPPORTED', `Cannot open ${address}: it is not offered as a PCI device`)
    }
    this.canReset = reset
    this.config = new RemoteConfigSpace(connection, this.#gate, size)
    const regions: RemoteRegion[] = []
    this.#regions = regions
    try {
      this.regions = Array.from({ length: Math.min(num_regions, regionIndex.vga + 1) }, (_, index) => {
        const info = index === regionIndex.config ? undefined : readRegionInfo(connection, index)
        if (info === undefined) return undefined
        const region = new RemoteRegion(connection, this.#gate, info)
        regions.push(region)
        return region
      })
      this.interrupts = new RemoteInterrupts(connection, this.#gate)
      this.dma = new RemoteDmaSpace(connection)
    } catch (error) {
      for (const region of regions) region[Symbol.dispose]()
      throw error
    }
  }

  /** Command is afterwards as it was before, as with the kernel's VFIO: the server need not restore it. */
  async reset(): Promise<KernelOutcome> {
    if (this.#gate.isResetting) return stillResetting
    this.#gate.enter('reset', 'BUSY')
    if (!this.canReset) return { ok: false, errno: 'EINVAL', message: 'the server offers no reset' }
    const before = this.config.read(headerOffset.command, 2)
    this.#gate.isResetting = true
    try {
      const outcome = await this.#connection.later('DEVICE_RESET', {}, resetTimeoutMs)
      if (!outcome.ok) return { ok: false, errno: errnoName(outcome.errno), message: describeErrno(outcome.errno) }
    } catch (error) {
      return { ok: false, errno: 'ENODEV', message: error instanceof Error ? error.message : String(error) }
    } finally {
      this.#gate.isResetting = false
    }
    const kept = Command.mask('ioSpace', 'memorySpace', 'busMaster', 'intxDisable')
    if (!this.#gate.isClosed && before !== 0xffff) {
      const after = this.config.read(headerOffset.command, 2)
      this.config.write(headerOffset.command, 2, (after & ~kept) | (before & kept))
    }
    return { ok: true }
  }

  hotResetScope(): HotResetScope {
    return this.#gate.isResetting ? stillResetting : alone
  }

  async hotReset(): Promise<KernelOutcome> {
    return this.#gate.isResetting ? stillResetting : alone
  }

  contain(): ContainmentOutcome {
    const outcome = this.dma.contain()
    return outcome.ok ? { ok: true, method: 'unmap-all', alsoContained: [] } : outcome
  }

  readmit(): KernelOutcome {
    this.dma.readmit()
    return { ok: true }
  }

  /** Idempotent. The server quiesces the device once the connection is gone. */
  [Symbol.dispose](): void {
    if (this.#gate.isClosed) return
    this.#gate.isClosed = true
    this.#connection[Symbol.dispose]()
    this.interrupts.close()
    this.dma.close()
    for (const region of this.#regions) region[Symbol.dispose]()
  }
}

/**
 * Opens the device that is served at a socket, as its only client.
 * @throws QuiesceError `NO_DEVICE` if nobody serves there, `PROTOCOL` if it is no vfio-user, or it does not answer
 */
export function openVfioUserFunction(path: string): VfioUserFunction {
  const connection = new ClientConnection(UnixSocket.connect(path, clientSendSize), `vfio-user:${path}`)
  try {
    return new VfioUserFunction(connection)
  } catch (error) {
    connection[Symbol.dispose]()
    throw error
  }
}
