// Configuration spaces made by hand: what no generator would think of, and no sane device does.
import { capabilityId, extendedCapabilityId } from '../../src/pci/capability-ids.js'
import { headerOffset } from '../../src/pci/header.js'
import { ConfigSpaceBuilder } from './config-space-builder.js'

const endpoint = (size: 64 | 256 | 4096 = 4096) => new ConfigSpaceBuilder(size).identify(0x8086, 0x10d3, 0x020000)
const zeros = (length: number) => new Array<number>(length).fill(0)

/** By what is wrong, or only odd, with them. */
export const crafted: Readonly<Record<string, () => Uint8Array>> = {
  'a standard list that loops to its start': () => {
    const space = endpoint(256)
    const first = space.standard(capabilityId.pm, zeros(6)) ?? 0
    const second = space.standard(capabilityId.msi, zeros(12)) ?? 0
    return space.put(second + 1, 1, first).bytes
  },
  'a capability that points to itself': () => {
    const space = endpoint(256)
    const only = space.standard(capabilityId.pm, zeros(6)) ?? 0
    return space.put(only + 1, 1, only).bytes
  },
  'pointers with their reserved bits set': () => {
    const space = endpoint(256)
    const first = space.standard(capabilityId.pm, zeros(6)) ?? 0
    const second = space.standard(capabilityId.msix, zeros(10)) ?? 0
    return space.put(headerOffset.capabilities, 1, first | 3).put(first + 1, 1, second | 1).bytes
  },
  'a list that leads to bytes that read as all ones': () => {
    const space = endpoint(256)
    const only = space.standard(capabilityId.pm, zeros(6)) ?? 0
    return space.put(only + 1, 1, 0xf0).put(0xf0, 4, 0xffffffff).bytes
  },
  'a capability that ends past the last byte': () => {
    const space = endpoint(256)
    return space.put(headerOffset.capabilities, 1, 0xfc).put(0xfc, 4, capabilityId.pm | 0x00030000).bytes
  },
  'a list that is full': () => {
    const space = endpoint(256)
    for (let n = 0; n < 48; n++) space.standard(capabilityId.null, [n, n])
    return space.bytes
  },
  'a header without its capabilities': () => endpoint(64).put(headerOffset.capabilities, 1, 0x40).bytes,
  'a Status without a capability list': () =>
    endpoint(256).put(headerOffset.status, 2, 0).put(headerOffset.capabilities, 1, 0x40).put(0x40, 1, 1).bytes,
  'an extended list that loops': () => {
    const space = endpoint().express(2, 0)
    space.extended(extendedCapabilityId.aer, 2, zeros(0x34))
    const second = space.extended(extendedCapabilityId.acs, 1, zeros(4)) ?? 0
    return space.put(second + 2, 2, 0x1001).bytes
  },
  'an extended pointer with its reserved bits set': () => {
    const space = endpoint().express(2, 0)
    const first = space.extended(extendedCapabilityId.ari, 1, zeros(4)) ?? 0
    const second = space.extended(extendedCapabilityId.ats, 1, zeros(4)) ?? 0
    return space.put(first + 2, 2, ((second | 3) << 4) | 1).bytes
  },
  'an extended list that reads as all ones': () => endpoint().express(2, 0).put(0x100, 4, 0xffffffff).bytes,
  'extended bytes without PCI Express': () => {
    const space = endpoint()
    space.extended(extendedCapabilityId.aer, 2, zeros(0x34))
    return space.bytes
  },
  'an extended capability that ends past the last byte': () =>
    endpoint()
      .express(2, 4)
      .put(0x100, 4, 0xffc00000 | 0x10000 | extendedCapabilityId.ari)
      .put(0xffc, 4, 0x10001).bytes,
  'PCI Express of version 1, endpoint': () => endpoint().express(1, 0).bytes,
  'PCI Express of version 1, root port': () =>
    endpoint().put(headerOffset.headerType, 1, 1).put(headerOffset.subclass, 2, 0x0604).express(1, 4).bytes,
  'all ones': () => new Uint8Array(256).fill(0xff),
  'all zeros': () => new Uint8Array(256),
  'a header type that nobody knows': () => endpoint(256).put(headerOffset.headerType, 1, 0x7e).bytes,
  'a CardBus bridge': () => {
    const space = new ConfigSpaceBuilder(256).identify(0x104c, 0xac56, 0x060700)
    for (let offset = 0x10; offset < 0x48; offset++) space.put(offset, 1, offset * 7)
    space.put(headerOffset.headerType, 1, 2).put(0x14, 1, 0xa0).put(headerOffset.interruptPin, 1, 1)
    return space.put(0xa0, 4, 0x00020001).bytes
  },
  'a class that does not go with its header': () => endpoint(256).put(headerOffset.subclass, 2, 0x0604).bytes,
  'a 64-bit BAR without an upper half': () => endpoint(256).put(headerOffset.bar5, 4, 0xfe000004).bytes,
  'BARs of every type, without addresses': () =>
    endpoint(256)
      .put(headerOffset.bar0, 4, 0x1)
      .put(headerOffset.bar1, 4, 0x2)
      .put(headerOffset.bar2, 4, 0x8)
      .put(headerOffset.bar3, 4, 0x6)
      .put(headerOffset.bar4, 4, 0xc).bytes,
  'a ROM that is on, with memory off': () => endpoint(256).put(headerOffset.rom, 4, 0xfea00001).bytes,
  'a BIST that runs': () => endpoint(256).put(headerOffset.bist, 1, 0xc0).bytes,
  'virtio without room for its fields': () =>
    new ConfigSpaceBuilder(256)
      .identify(0x1af4, 0x1044, 0x00ff00)
      .put(headerOffset.capabilities, 1, 0xf4)
      .put(0xf4, 4, 0x01100009).bytes,
}
