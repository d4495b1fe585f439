// What QEMU needs to attach served devices. The client is in QEMU since 10.1.

/** The guest's memory, which the device must be able to reach: QEMU passes its file only where it is shared. */
const memory = [
  ['-object', 'memory-backend-memfd,id=mem0,size=1G,share=on'],
  ['-machine', 'q35,memory-backend=mem0'],
] as const

/** Each option with its value. */
export function qemuArguments(sockets: readonly string[]): readonly (readonly [option: string, value: string])[] {
  const devices = sockets.map((path) => {
    const device = JSON.stringify({ driver: 'vfio-user-pci', socket: { type: 'unix', path } })
    return ['-device', device] as const
  })
  return [...memory, ...devices]
}

/** The same to be pasted into a shell: one line for each, the last without a backslash. */
export function qemuLines(sockets: readonly string[]): string[] {
  const lines = qemuArguments(sockets).map(([option, value]) => `${option} ${quoted(value)}`)
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line))
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
