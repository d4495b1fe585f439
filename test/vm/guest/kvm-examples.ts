// In the guest: runs the examples that need the kernel's VFIO, as a reader of them would.

import { readFileSync } from 'node:fs'
import { addressOf } from './addresses.js'
import { bindToVfio, sysfsFolder } from './binding.js'
import { run } from './command.js'
import { report } from './report.js'

const example = async (name: string, ...args: string[]) => {
  const { status, stdout, stderr } = await run('node', [`/app/build/examples/${name}.js`, ...args])
  report({ example: [name, ...args].join(' '), status, lines: stdout.trimEnd().split('\n'), stderr })
}

const [root, port, other] = [addressOf('edu-root'), addressOf('edu-port'), addressOf('rng-park')]
await example('edu-driver', root)
bindToVfio(root, port, other)
await example('edu-driver', root)
await example('edu-driver', port)
await example('edu-driver', other)
await example('kvm-vmm', root)
await example('kvm-vmm', other)
// Whatever they did, nothing is on the bus any more.
const command = (address: string) => readFileSync(`${sysfsFolder(address)}/config`).readUInt16LE(4)
report({ commands: [root, port, other].map((address) => command(address) & 0x4) })
