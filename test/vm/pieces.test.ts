// The parts of the VM's own machinery that can be seen to be right without booting it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { accessesBetween, parseConfigTrace, parseTraceEvents } from './config-trace.js'
import { cpioArchive } from './cpio.js'
import { chooseMirrors } from './debian-mirror.js'
import { iommufdKernelConfig } from './iommufd-kernel-config.js'
import { dependenciesOf } from './kernel-modules.js'
import { requireParts } from './machine-parts.js'
import { parsePlan } from './private-apt.js'
import { qemuCommand } from './qemu-arguments.js'
import { parseLibraries } from './shared-libraries.js'
import { topology } from './topology.js'

describe('the mirror', () => {
  it('is the archive of the release, not its security or updates, and not another vendor with the same suite', () => {
    const targets = `https://vendor.example/linux bookworm stable
https://vendor.example/prod bookworm main
http://mirror.example/debian-security/ bookworm-security main
http://mirror.example/debian/ bookworm-updates main
http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm contrib`
    assert.deepEqual(chooseMirrors(targets, 'bookworm'), [
      'http://mirror.example/debian/',
      'https://vendor.example/prod',
    ])
    assert.deepEqual(chooseMirrors('', 'bookworm'), [])
  })
})

describe('a plan of apt', () => {
  it('is read as names and versions, epochs included', () => {
    const plan =
      'Reading lists...\nInst libc6 (2.41-12 Debian:13.7/stable [amd64]) []\nInst pciutils (1:3.13.0-2 Debian [amd64])\nConf libc6 (x)\n'
    assert.deepEqual(parsePlan(plan), [
      { name: 'libc6', version: '2.41-12' },
      { name: 'pciutils', version: '1:3.13.0-2' },
    ])
  })
})

describe('the libraries of a program', () => {
  it('are the resolved paths and the loader, without the page that the kernel provides', () => {
    const text =
      '\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n'
    assert.deepEqual(parseLibraries(text), ['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2'])
  })
})

describe('a kernel module', () => {
  it('names what it depends on as the kernel does, with underscores', () => {
    assert.deepEqual(dependenciesOf(Buffer.from('x\0depends=vfio-pci-core,vfio\0name=vfio_pci\0')), [
      'vfio_pci_core',
      'vfio',
    ])
    assert.deepEqual(dependenciesOf(Buffer.from('x\0depends=\0')), [])
  })
})

describe('a cpio archive', () => {
  it('is what cpio makes of it: files, folders on the way, links, and a second archive behind the first', async () => {
    const { root } = await requireParts()
    const first = [...cpioArchive([{ path: 'a/b/file', kind: 'file', data: Buffer.from('hello'), permissions: 0o755 }])]
    const second = [...cpioArchive([{ path: 'link', kind: 'link', target: 'a/b/file' }])]
    for (const [archive, names] of [
      [first, 'a\na/b\na/b/file\n'],
      [second, 'link\n'],
    ] as const) {
      const { stdout } = spawnSync(`${root}/usr/bin/busybox`, ['cpio', '-t'], {
        input: Buffer.concat(archive),
        encoding: 'utf8',
      })
      assert.equal(stdout, names)
    }
    assert.equal(Buffer.concat(first).length % 4, 0, 'the next archive must start at a multiple of four')
  })
})

describe('a trace', () => {
  const machine = topology(['edu-root', 'edu-port', 'nvme'])
  const text = `7@1700000000.000000:pci_cfg_write edu 00:04.0 @0x4 <- 0x6
7@1700000000.000500:pci_cfg_write ICH9-LPC 00:1f.0 @0x3c <- 0x1
an unrelated line
7@1700000000.001000:pci_cfg_write nvme 02:00.0 @0x4 <- 0x0
7@1700000000.001500:pci_cfg_read nvme 02:00.0 @0x4 -> 0x10
7@1700000000.002000:pci_cfg_write ICH9-LPC 00:1f.0 @0x3c <- 0x2
`
  const accesses = parseConfigTrace(text, machine)

  it('names the devices of the topology by their addresses', () => {
    assert.deepEqual(
      accesses.map(({ device }) => device),
      ['edu-root', 'ICH9-LPC', 'nvme', 'nvme', 'ICH9-LPC'],
    )
    assert.deepEqual(accesses[0], {
      atMs: 0,
      device: 'edu-root',
      address: '0000:00:04.0',
      kind: 'write',
      offset: 4,
      value: 6,
    })
    assert.equal(accesses[3]?.kind, 'read')
  })

  it('tells of other events on the same clock', () => {
    const mixed = `${text}7@1700000000.002500:pci_nvme_read cid 3\n7@1700000000.003000:pci_nvme_write cid 4\n`
    assert.deepEqual(parseTraceEvents(mixed, ['pci_nvme_read']), [{ atMs: 2.5, name: 'pci_nvme_read' }])
  })

  it('is cut at the marks, and a mark that was not set is an error', () => {
    assert.deepEqual(
      accessesBetween(accesses, 1, 2).map(({ atMs }) => atMs),
      [1, 1.5],
    )
    assert.throws(() => accessesBetween(accesses, 1, 3), /^Error: Cannot find mark 3 in the trace/)
  })
})

describe('a machine with devices by vfio-user', () => {
  const served = [{ socket: '/run/a.sock' }, { socket: '/run/b.sock', attachment: 'root-port' }] as const

  it('has them behind its other devices, by the names served-0 and served-1', () => {
    assert.deepEqual(
      topology(['edu-root', 'nvme'], { served }).devices.map(({ name, address }) => [name, address]),
      [
        ['edu-root', '0000:00:04.0'],
        ['nvme', '0000:01:00.0'],
        ['served-0', '0000:00:06.0'],
        ['served-1', '0000:02:00.0'],
      ],
    )
  })

  it('shares its memory with the servers, and shows them what the IOMMU maps', async () => {
    const parts = await requireParts()
    const command = qemuCommand(parts, { topology: topology([], { served }), initramfs: 'x', serialLines: [] }).join(
      ' ',
    )
    assert.match(
      command,
      /-object memory-backend-memfd,id=memory,size=512M,share=on -machine \S*,memory-backend=memory /,
    )
    assert.match(command, /-device intel-iommu,intremap=on,caching-mode=on /)
    assert.match(
      command,
      /"driver":"vfio-user-pci","id":"served-0","bus":"pcie.0","addr":"4","socket":\{"type":"unix","path":"\/run\/a.sock"\}/,
    )
    const plain = qemuCommand(parts, { topology: topology(['nvme']), initramfs: 'x', serialLines: [] }).join(' ')
    assert.doesNotMatch(plain, /memfd|caching-mode/)
  })
})

describe('the configuration of the kernel with IOMMUFD', () => {
  it('names nothing twice, and has what VFIO by cdev and peer-to-peer need', () => {
    assert.equal(new Set(iommufdKernelConfig).size, iommufdKernelConfig.length)
    for (const name of ['IOMMUFD', 'VFIO_DEVICE_CDEV', 'VFIO_GROUP', 'VFIO_PCI_DMABUF', 'KVM_AMD']) {
      assert.ok(iommufdKernelConfig.includes(`CONFIG_${name}=y`), name)
    }
  })
})
