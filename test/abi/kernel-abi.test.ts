// Every struct, offset, flag and ioctl number that is declared here, against the kernel's own headers by a C compiler.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StructFields } from '../../src/bits/struct.js'
import { CommonConfig, deviceStatus, featureBit, noVector } from '../../src/kit/virtio/common-config.js'
import { Descriptor, descriptorFlag } from '../../src/kit/virtio/descriptor-chain.js'
import { noInterrupt, UsedElement } from '../../src/kit/virtio/split-virtqueue.js'
import { aioCall, aioConstant, IoControlBlock, IoEvent } from '../../src/linux/aio.js'
import { kvmConstant, kvmExitReason } from '../../src/linux/kvm/abi/constants.js'
import { kvmIoctl } from '../../src/linux/kvm/abi/ioctls.js'
import * as kvmStructs from '../../src/linux/kvm/abi/structs.js'
import { ControlHeader, IoVector, MessageHeader } from '../../src/linux/message-buffers.js'
import { holeConstant, sealConstant } from '../../src/linux/seal-constants.js'
import { socketConstant } from '../../src/linux/socket-constants.js'
import { virtioOffset, virtioType } from '../../src/pci/capabilities/virtio.js'
import { iommufdConstant, vfioConstant } from '../../src/vfio/abi/constants.js'
import { iommufdIoctl, vfioIoctl } from '../../src/vfio/abi/ioctls.js'
import * as iommufdStructs from '../../src/vfio/abi/iommufd-structs.js'
import * as vfioStructs from '../../src/vfio/abi/vfio-structs.js'
import { evaluate, findCompiler } from './c-values.js'
import { findKernelHeaders } from './kernel-headers.js'
import { type Expectation, namesOfOurOwn, pciExpectations } from './pci-expectations.js'

interface AnyStruct {
  readonly name: string
  readonly size: number
  readonly fields: StructFields
  readonly offsets: Readonly<Record<string, number>>
}

const inCi = process.env['CI'] === 'true'

/** The fields of `struct vfio_info_cap_header`, which in C is a member of its own. */
const headerFields: ReadonlySet<string> = new Set(['id', 'version', 'next'])

const scalarSize = { u8: 1, u16: 2, u32: 4, u64: 8, s32: 4 } as const

function structExpectations({ name, size, offsets, fields }: AnyStruct): Expectation[] {
  const isCapability = name.includes('info_cap_') && name !== 'vfio_info_cap_header'
  const nests = isCapability || name === 'vfio_iommu_type1_info_dma_avail'
  const inC = (field: string) => (nests && headerFields.has(field) ? `header.${field}` : field)
  return [
    [`sizeof(struct ${name})`, size, `size of ${name}`],
    ...Object.entries(offsets).flatMap(([field, offset]): Expectation[] => [
      [`offsetof(struct ${name}, ${inC(field)})`, offset, `offset of ${name}.${field}`],
      [
        `sizeof(((struct ${name} *)0)->${inC(field)})`,
        scalarSize[fields[field] as keyof typeof scalarSize],
        `width of ${name}.${field}`,
      ],
    ]),
  ]
}

const numbers = (table: Readonly<Record<string, number>>) =>
  Object.entries(table).map(([name, value]): Expectation => [name, value, name])

const requests = (table: Readonly<Record<string, { readonly name: string; readonly request: number }>>) =>
  Object.entries(table).map(([key, { name, request }]): Expectation => [name, request, `ioctl ${key}`])

/** Its structs are views of a union, none of them as long as the whole. */
const isSizeOfView = ([c]: Expectation) => c === 'sizeof(struct kvm_run)'

const kvmExpectations: readonly Expectation[] = [
  ...Object.values(kvmStructs)
    .flatMap(structExpectations)
    .filter((one) => !isSizeOfView(one)),
  ...requests(kvmIoctl),
  ...numbers(kvmConstant),
  ...numbers(kvmExitReason),
]

const subjects: Readonly<Record<string, readonly Expectation[]>> = {
  'the structs of <linux/vfio.h>': Object.values(vfioStructs).flatMap(structExpectations),
  'the structs of <linux/iommufd.h>': Object.values(iommufdStructs).flatMap(structExpectations),
  'the ioctl numbers': [...requests(vfioIoctl), ...requests(iommufdIoctl)],
  'the flags and numbers of VFIO and iommufd': [...numbers(vfioConstant), ...numbers(iommufdConstant)],
  'the registers of <linux/pci_regs.h>': pciExpectations,
  'the structs of sockets': [MessageHeader, IoVector, ControlHeader].flatMap(structExpectations),
  'the numbers of sockets, of memory files and of holes in files': [
    ...numbers(socketConstant),
    ...numbers(sealConstant),
    ...numbers(holeConstant),
  ],
  'asynchronous I/O': [
    ...[IoControlBlock, IoEvent].flatMap(structExpectations),
    ...numbers(aioConstant),
    ...numbers(aioCall),
  ],
  'the structs of virtio': [CommonConfig, Descriptor, UsedElement].flatMap(structExpectations),
  'the flags and numbers of virtio': numbers({
    VIRTIO_CONFIG_S_ACKNOWLEDGE: deviceStatus.acknowledge,
    VIRTIO_CONFIG_S_DRIVER: deviceStatus.driver,
    VIRTIO_CONFIG_S_DRIVER_OK: deviceStatus.driverOk,
    VIRTIO_CONFIG_S_FEATURES_OK: deviceStatus.featuresOk,
    VIRTIO_CONFIG_S_NEEDS_RESET: deviceStatus.needsReset,
    VIRTIO_CONFIG_S_FAILED: deviceStatus.failed,
    VIRTIO_F_VERSION_1: Number(featureBit.version1),
    VIRTIO_RING_F_INDIRECT_DESC: Number(featureBit.indirectDescriptors),
    VIRTIO_RING_F_EVENT_IDX: Number(featureBit.eventIndex),
    VIRTIO_PCI_CAP_PCI_CFG: virtioType.pciAccess,
    'offsetof(struct virtio_pci_cfg_cap, pci_cfg_data)': virtioOffset.configData,
    VIRTIO_MSI_NO_VECTOR: noVector,
    VRING_DESC_F_NEXT: descriptorFlag.next,
    VRING_DESC_F_WRITE: descriptorFlag.write,
    VRING_DESC_F_INDIRECT: descriptorFlag.indirect,
    VRING_AVAIL_F_NO_INTERRUPT: noInterrupt,
  }),
  ...(process.arch === 'x64' ? { '<linux/kvm.h>': kvmExpectations } : {}),
}

const structOf = (expression: string) => /struct (\w+)/.exec(expression)?.[1]

const compiler = findCompiler()

describe('what is declared here is what the kernel declares', async () => {
  if (compiler === undefined) {
    if (!inCi) console.log('The declarations were not compared with the kernel: this machine has no C compiler')
    it('has a C compiler to be compared by', () => assert.ok(!inCi, 'no C compiler, and in CI nothing may be skipped'))
    return
  }
  const headers = await findKernelHeaders()
  for (const [subject, expectations] of Object.entries(subjects)) {
    it(subject, () => {
      const { values, unknown } = evaluate(compiler, headers, [...new Set(expectations.map(([c]) => c))])
      const missing = expectations.filter(([c]) => unknown.has(c)).map(([c]) => c)
      if (missing.length > 0) {
        const message = `${missing.length} of ${expectations.length} are not in ${headers.origin}: ${missing.join(', ')}`
        // Old headers are no mistake of ours, but in CI there are new ones.
        assert.ok(!inCi && headers.folders.length === 0, message)
        console.log(`${subject}: ${message}`)
      }
      // A struct that has grown since is another struct: none of it can be compared.
      const grown = new Set(missing.flatMap((c) => structOf(c) ?? []))
      const compared = expectations.filter(([c]) => values.has(c) && !grown.has(structOf(c) ?? ''))
      const differing = compared.filter(([c, declared]) => values.get(c) !== BigInt.asUintN(64, BigInt(declared)))
      assert.deepEqual(
        differing.map(([c, declared, where]) => `${where}: ${declared} here, ${values.get(c)} in the kernel`),
        [],
      )
      if (headers.folders.length > 0) assert.equal(compared.length, expectations.length, 'all of them were compared')
    })
  }

  it('the names that are said to be our own are not the kernel’s', () => {
    const { unknown } = evaluate(compiler, headers, [...namesOfOurOwn])
    assert.deepEqual(
      [...namesOfOurOwn].filter((name) => !unknown.has(name)),
      [],
    )
  })

  it('a wrong declaration would be noticed', () => {
    const { values, unknown } = evaluate(compiler, headers, ['sizeof(struct vfio_region_info)', 'VFIO_NO_SUCH_THING'])
    assert.equal(values.get('sizeof(struct vfio_region_info)'), 32n)
    assert.deepEqual([...unknown], ['VFIO_NO_SUCH_THING'])
  })
})
