import { defineCommand, flag, texts } from '../command.js'
import { backendOption, jsonOption, sysrootOption } from '../common-options.js'
import { policyOptions } from '../policy-options.js'

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'offer devices to VMMs over vfio-user, with a reset that ends in a verdict',
  description: `Offers each device at a UNIX socket to any VMM that speaks vfio-user, and prints what QEMU needs to attach it. BARs,
interrupts and the guest's memory are handed over as files, so that the guest works on the hardware itself. When the VMM
resets the device, the guest does, or the VMM is gone, the device is quiesced and reset, and the verdict is printed.

A physical device must be bound to vfio-pci and used by nobody. Devices of one IOMMU group share their memory, and go to
one VMM. A simulated one serves as itself, or with --raw as bare hardware for the VFIO of a guest's own kernel.`,
  arguments: { usage: '<device...>', description: 'addresses, vendor:device ids, or sim:<model>' },
  isStream: true,
  options: {
    socket: texts(
      '--socket <path>',
      'where to listen: once for each device, in their order, or one directory for all, with <device>.sock for each',
    ),
    allowUser: texts(
      '--allow-user <user>',
      'by name or number, and as often as needed: who may connect beside this user and root; gets the socket',
    ),
    trapBars: flag(
      '--trap-bars',
      "keep the device's own file from clients: each access to a BAR is a message, and slower",
    ),
    raw: flag('--raw', 'of simulated devices: the hardware alone, with its faults and without the reset procedure'),
    ...policyOptions,
    dryRun: flag('--dry-run', 'check the devices and print the QEMU arguments; open nothing, change nothing'),
    steps: flag('--steps', 'print the whole report of every reset'),
    backend: backendOption,
    json: jsonOption,
    sysroot: sysrootOption,
  },
  examples: [
    { line: 'quiesce serve 0000:03:00.0 --socket /run/nic.sock', what: 'one device' },
    { line: 'quiesce serve 03:00.0 04:00.0 --socket /run/vm1', what: 'two, at /run/vm1/0000:03:00.0.sock and so on' },
    { line: 'quiesce serve 03:00.0 --socket /run/nic.sock --allow-user libvirt-qemu', what: 'a VMM of another user' },
    { line: 'quiesce serve 03:00.0 --socket /run/nic.sock --json', what: 'one JSON object for each event' },
    { line: 'quiesce serve sim:edu --socket /tmp/edu.sock', what: 'a simulated device: no hardware, no root' },
  ],
  run: async (...call) => (await import('./run-serve.js')).runServe(...call),
})
