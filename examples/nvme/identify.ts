// Identify (NVM Express Base 1.4, 5.15): what the controller and its one namespace are.
import type { CommandHandler, EnabledController } from './enabled-controller.js'
import { pageSize, status } from './entries.js'
import { identity, limits } from './limits.js'
import { toHost } from './prp.js'

/** CNS (5.15.1). */
const what = { namespace: 0x00, controller: 0x01, activeNamespaces: 0x02, descriptors: 0x03 } as const
/** Of a descriptor: a Namespace Globally Unique Identifier. */
const nguid = { type: 2, length: 16 } as const

const page = (): DataView => new DataView(new ArrayBuffer(pageSize))

function text(view: DataView, at: number, length: number, value: string): void {
  const bytes = new TextEncoder().encode(value.padEnd(length))
  new Uint8Array(view.buffer).set(bytes.subarray(0, length), at)
}

/** 16 bytes that follow from the serial number: the same disk is the same after a reboot. */
function uniqueIdentifier(serial: string): Uint8Array {
  const bytes = new Uint8Array(nguid.length)
  new TextEncoder().encodeInto(serial.slice(0, nguid.length), bytes)
  return bytes
}

/** 5.15.2.2. */
function controllerData(serial: string): DataView {
  const view = page()
  view.setUint16(0, identity.vendorId, true)
  view.setUint16(2, identity.vendorId, true)
  text(view, 4, 20, serial)
  text(view, 24, 40, identity.model)
  text(view, 64, 8, identity.firmware)
  view.setUint8(77, limits.transferShift)
  view.setUint32(80, identity.version, true)
  view.setUint8(111, 1) // an I/O controller
  view.setUint8(258, 0) // one Abort at a time (0-based)
  view.setUint8(259, limits.asyncEvents - 1)
  view.setUint8(260, 0x3) // one firmware slot, read only
  view.setUint16(266, 0x0157, true) // warning and critical temperature, in kelvin
  view.setUint16(268, 0x0161, true)
  view.setUint8(512, 0x66) // entries of 64 bytes
  view.setUint8(513, 0x44) // and of 16
  view.setUint32(516, 1, true) // one namespace
  view.setUint16(520, (1 << 2) | (1 << 3), true) // Dataset Management and Write Zeroes
  view.setUint8(525, 1) // a volatile write cache: the kernel's page cache
  const name = new TextEncoder().encode(`nqn.2014-08.org.nvmexpress:quiesce:${serial.trim()}`)
  new Uint8Array(view.buffer).set(name, 768)
  view.setUint16(2048, 500, true) // the one power state: 5 W
  return view
}

/** NVM Command Set 5.15.2.1. */
function namespaceData({ store, serial }: EnabledController): DataView {
  const view = page()
  const blocks = store.size / BigInt(limits.blockSize)
  for (const at of [0, 8, 16]) view.setBigUint64(at, blocks, true) // size, capacity, utilization
  // DLFEAT: what is deallocated reads as zeros, and Write Zeroes can deallocate.
  view.setUint8(33, 0x09)
  new Uint8Array(view.buffer).set(uniqueIdentifier(serial), 104)
  view.setUint8(130, Math.log2(limits.blockSize)) // LBA format 0
  return view
}

function activeNamespaces(after: number): DataView {
  const view = page()
  if (after < 1) view.setUint32(0, 1, true)
  return view
}

function descriptors(serial: string): DataView {
  const view = page()
  view.setUint8(0, nguid.type)
  view.setUint8(1, nguid.length)
  new Uint8Array(view.buffer).set(uniqueIdentifier(serial), 4)
  return view
}

function dataOf(controller: EnabledController, structure: number, namespace: number): DataView | number {
  switch (structure) {
    case what.controller:
      return controllerData(controller.serial)
    case what.activeNamespaces:
      return namespace >= 0xffff_fffe ? status.invalidNamespace : activeNamespaces(namespace)
    case what.namespace:
      return namespace === 1 ? namespaceData(controller) : status.invalidNamespace
    case what.descriptors:
      return namespace === 1 ? descriptors(controller.serial) : status.invalidNamespace
    default:
      return status.invalidField
  }
}

export const identify: CommandHandler = async (controller, command) => {
  const data = dataOf(controller, command.dword10 & 0xff, command.namespaceId)
  if (typeof data === 'number') return { status: data as typeof status.invalidField }
  return { status: await toHost(controller.session.dma, command, new Uint8Array(data.buffer)) }
}
