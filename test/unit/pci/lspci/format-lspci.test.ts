import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { capabilityId, extendedCapabilityId } from '../../../../src/pci/capability-ids.js'
import { formatLspci, lspciLines } from '../../../../src/pci/lspci/format-lspci.js'
import type { SystemResource } from '../../../../src/pci/lspci/lspci-device.js'
import { powerLimit } from '../../../../src/pci/lspci/power-limit.js'
import { sizeText } from '../../../../src/pci/lspci/size-text.js'
import { ConfigSpaceBuilder } from '../../../oracle/config-space-builder.js'

const address = '0000:03:00.0'
const endpoint = () => new ConfigSpaceBuilder(4096).identify(0x8086, 0x10d3, 0x020000)
const memory = (index: number, start: bigint, size: bigint, is64Bit = false): SystemResource => ({
  index,
  kind: 'memory',
  start,
  size,
  is64Bit,
  prefetchable: is64Bit,
})

// That it agrees with lspci is what test/oracle shows; here is what lspci does not print alike, or not of a dump.
describe('--format lspci', () => {
  it('prints the domain where it is not zero or asked for', () => {
    const first = (at: string, showDomain?: boolean) =>
      lspciLines(endpoint().bytes, { address: at, ...(showDomain === undefined ? {} : { showDomain }) })[0]?.split(
        ' ',
      )[0]
    assert.deepEqual(
      [first(address), first(address, true), first('0001:03:00.0')],
      ['03:00.0', '0000:03:00.0', '0001:03:00.0'],
    )
  })

  it('prints the addresses and ids that the kernel gives a virtual function', () => {
    const space = new ConfigSpaceBuilder(4096).identify(0xffff, 0xffff, 0x020000)
    const text = formatLspci(space.bytes, {
      address: '0000:06:10.0',
      system: {
        vendorId: 0x8086,
        deviceId: 0x10ca,
        irq: 0,
        iommuGroup: '19',
        driver: 'vfio-pci',
        resources: [memory(0, 0xfe000000n, 0x4000n, true)],
      },
    })
    assert.match(text, /^06:10\.0 Class 0200: Device 8086:10ca\n/)
    assert.match(text, /\n\tIOMMU group: 19\n/)
    assert.match(text, /\n\tRegion 0: Memory at fe000000 \(64-bit, prefetchable\) \[virtual\] \[size=16K\]\n/)
    assert.match(text, /\n\tKernel driver in use: vfio-pci\n$/)
  })

  it('prints the windows that the kernel assigned to a bridge, and none that the bridge does not have', () => {
    const bridge = new ConfigSpaceBuilder(256).identify(0x1b36, 0x000c, 0x060400).put(0x0e, 1, 1)
    const withWindow = lspciLines(bridge.bytes, {
      address,
      system: { resources: [memory(14, 0xfe800000n, 0x200000n)] },
    }).filter((line) => line.includes('behind bridge'))
    assert.deepEqual(withWindow, ['\tMemory behind bridge: fe800000-fe9fffff [size=2M] [32-bit]'])
  })

  it('says so where a list leads into the header, and does not follow it', () => {
    const space = endpoint()
    const at = space.standard(capabilityId.pm, new Array<number>(6).fill(0)) ?? 0
    const lines = lspciLines(space.put(at + 1, 1, 0x10).bytes, { address })
    assert.equal(lines.at(-1), '\tCapabilities: [10] <chain broken>')
  })

  it('says so where an extended list leads into conventional space', () => {
    const space = endpoint().express(2, 0)
    const at = space.extended(extendedCapabilityId.ari, 1, [0, 0, 0, 0]) ?? 0
    const lines = lspciLines(space.put(at + 2, 2, 0x0401).bytes, { address })
    assert.equal(lines.at(-1), '\tCapabilities: [40] <chain broken>')
  })

  it('prints a 64-bit BAR once', () => {
    const lines = lspciLines(endpoint().put(0x10, 4, 0x4).put(0x14, 4, 0x81).bytes, { address })
    assert.deepEqual(
      lines.filter((line) => line.startsWith('\tRegion')),
      ['\tRegion 0: Memory at 8100000000 (64-bit, non-prefetchable) [disabled]'],
    )
  })

  it('prints all 32 lanes of Lane Error Status, and the Error bit of DOE alone', () => {
    const space = endpoint().express(2, 0)
    space.extended(extendedCapabilityId.secondaryPcie, 1, [0, 0, 0, 0, 1, 0, 0, 0x80, 0, 0, 0, 0])
    space.extended(extendedCapabilityId.doe, 1, [0, 0, 0, 0, 0, 0, 0, 0, 1, ...new Array<number>(11).fill(0)])
    const lines = lspciLines(space.bytes, { address })
    assert.ok(lines.includes('\t\tLaneErrStat: LaneErr at lane: 0 31'))
    assert.ok(lines.includes('\t\tDOESta: Busy+ IntSta- Error- ObjectReady-'))
  })
})

describe('small texts of lspci', () => {
  it('sizes have the largest unit that leaves a whole number', () => {
    const sizes = [0n, 256n, 0x4000n, 0x180000n, 1n << 40n, 1n << 52n]
    assert.deepEqual(sizes.map(sizeText), [
      '',
      ' [size=256]',
      ' [size=16K]',
      ' [size=1536K]',
      ' [size=1T]',
      ' [size=4096T]',
    ])
  })

  it('slot power limits have a scale, and meanings of their own above 239', () => {
    assert.deepEqual(
      [powerLimit(25, 0), powerLimit(255, 1), powerLimit(75, 3), powerLimit(0xf1, 0), powerLimit(0xff, 0)],
      ['25W', '25.5W', '0.075W', '275W', '>600W'],
    )
  })
})
