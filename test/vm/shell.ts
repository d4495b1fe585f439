// npm run vm: a shell in the VM, with every device bound to vfio-pci and quiesce on the path. `npm run vm -- nvme igb` gives
// it these devices only; `--no-iommu` boots it without an IOMMU, `--iommufd` with the kernel that has IOMMUFD.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allDevices, type DeviceName, deviceModels } from './devices.js'
import { shellScript } from './guest-script.js'
import { projectEntries, writeInitramfs } from './initramfs.js'
import { nodeLayer, systemLayer } from './layers.js'
import { requireMachineParts, requireParts } from './machine-parts.js'
import { qemuCommand } from './qemu-arguments.js'
import { topology as machineWith, type Topology } from './topology.js'

const flags = ['--no-iommu', '--iommufd']
const words = process.argv.slice(2)
const unknown = words.filter((word) => !flags.includes(word) && !Object.hasOwn(deviceModels, word))
if (unknown.length > 0) {
  console.error(
    `vm: no such device: ${unknown.join(', ')}\nusage: npm run vm [-- [--no-iommu] [--iommufd] <device>...]`,
  )
  console.error(`devices: ${allDevices.join(' ')}`)
  process.exit(64)
}
const names = words.filter((word): word is DeviceName => Object.hasOwn(deviceModels, word))
await openShell(machineWith(names.length > 0 ? names : allDevices, { iommu: !words.includes('--no-iommu') }))

async function openShell(topology: Topology): Promise<void> {
  // Says what it fetches; what comes after is told by its result.
  await requireParts((line) => console.error(`vm: ${line}`))
  const parts = await requireMachineParts(topology, words.includes('--iommufd') ? 'iommufd' : 'debian')
  const layers = [await systemLayer(parts), await nodeLayer(parts)]
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-vm-'))
  try {
    const initramfs = join(folder, 'initramfs')
    const { rows = 24, columns = 80 } = process.stdout
    const script = shellScript(topology, { rows, columns }, introduction(topology))
    writeInitramfs(initramfs, layers, projectEntries(), script)
    const serialLines = ['-serial', 'mon:stdio', '-serial', 'null']
    const [program = '', ...args] = qemuCommand(parts, { topology, initramfs, serialLines, memoryMiB: 1024 })
    console.error('vm: booting, which takes a few seconds')
    await new Promise<void>((resolve, reject) => {
      // QEMU sets the terminal to raw mode and back; Ctrl-C is for the guest.
      const child = spawn(program, args, { stdio: 'inherit' })
      const ignore = () => {}
      process.on('SIGINT', ignore)
      child.on('error', reject)
      child.on('close', () => {
        process.off('SIGINT', ignore)
        resolve()
      })
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function introduction({ devices, iommu }: Topology): string {
  const first = devices[0]?.address.slice(5) ?? '00:04.0'
  return [
    '',
    iommu ? 'A VM with these devices, all bound to vfio-pci:' : 'A VM without an IOMMU, with these devices:',
    ...devices.map(({ address, name }) => `  ${address}  ${name}`),
    '',
    'To try:',
    '  quiesce list',
    `  quiesce show ${first}`,
    `  quiesce reset ${first}; echo "exit status $?"`,
    '  lspci -vvv -s 00:04.0',
    '  vfio-bind all | <device>...      binds devices to vfio-pci',
    'exit, or Ctrl-A X, turns it off.',
    '',
  ].join('\n')
}
