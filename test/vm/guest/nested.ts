// In the guest: a guest of its own, on QEMU 11 and KVM (see nested-guest.ts on the host).
import { type ShellGuest, type ShellGuestOptions, startShellGuest } from '../shell-guest.js'

export interface NestedOptions extends ShellGuestOptions {
  readonly memoryMiB?: number
  /** Further arguments of QEMU, such as devices. */
  readonly devices?: readonly string[]
  /** Words for the kernel's command line. */
  readonly append?: string
}

/** Boots it, in memory that can be shared with a server of devices, and waits until it takes commands. */
export function startNestedGuest(options: NestedOptions = {}): Promise<ShellGuest> {
  const size = `${options.memoryMiB ?? 256}M`
  const command = [
    ...['qemu-system-x86_64', '-L', '/opt/qemu/usr/share/qemu', '-L', '/opt/qemu/usr/share/seabios'],
    ...['-object', `memory-backend-memfd,id=memory,size=${size},share=on`],
    ...['-machine', 'q35,memory-backend=memory', '-m', size, '-accel', 'kvm', '-cpu', 'host'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-nic', 'none'],
    ...['-kernel', '/inner/kernel', '-initrd', '/inner/initramfs'],
    ...[
      '-append',
      `console=ttyS0 quiet panic=-1 rdinit=/init mitigations=off nokaslr no_timer_check ${options.append ?? ''}`,
    ],
    ...(options.devices ?? []),
  ]
  return startShellGuest(command, options)
}

/** Arguments for a device that a vfio-user server provides. */
export function vfioUserDevice(socket: string, properties: Readonly<Record<string, unknown>> = {}): string[] {
  const device = {
    driver: 'vfio-user-pci',
    socket: { type: 'unix', path: socket },
    // QEMU gives a server up after 5 s: on a software CPU with a busy neighbour that is not long.
    'x-msg-timeout': 60_000,
    ...properties,
  }
  return ['-device', JSON.stringify(device)]
}
