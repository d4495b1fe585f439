// The script /etc/run of the guest: what init does once VFIO is there.
import type { ModuleSet } from './kernel-modules.js'
import type { Topology } from './topology.js'

/** Runs one program of test/vm/guest, and writes its exit status to the line of results. */
export function programScript(
  topology: Topology,
  program: string,
  args: readonly string[],
  modules: readonly ModuleSet[] = [],
): string {
  const command = ['node', '--enable-source-maps', `/app/build/test/vm/guest/${program}.js`, ...args]
  return `${environment(topology)}
load-modules ${modules.join(' ')}
${command.map(quote).join(' ')}
echo "${exitMarker} $?" > /dev/ttyS1
`
}

/** Runs the shell commands that come on the second serial line (guest-root/bin/command-loop), and turns the machine off. */
export function shellGuestScript(topology: Topology, modules: readonly ModuleSet[]): string {
  return `${environment(topology)}
load-modules ${modules.join(' ')}
command-loop
poweroff -f
`
}

/** Binds every device to vfio-pci and gives the user a shell. */
export function shellScript(topology: Topology, size: { rows: number; columns: number }, intro: string): string {
  const bind = topology.iommu ? 'vfio-bind all' : ':'
  return `${environment(topology)}
${bind}
cat <<'END_OF_INTRO'
${intro}
END_OF_INTRO
export PS1='vm# ' ENV=/etc/shrc
echo 'stty rows ${size.rows} cols ${size.columns} 2>/dev/null' > /etc/shrc
cd /root
setsid cttyhack sh
`
}

export const exitMarker = '@@EXIT'
export const resultMarker = '@@RESULT'

function environment({ devices }: Topology): string {
  const addresses = Object.fromEntries(devices.map(({ name, address }) => [name, address]))
  return `export QUIESCE_VM_DEVICES=${quote(JSON.stringify(addresses))} QUIESCE_VM_RESULTS=/dev/ttyS1`
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
