// A device on its way to a guest of the guest: the kernel's VFIO, a server of ours in this process, QEMU 11 as its client, KVM,
// and a kernel that knows nothing of all that.

import { UnixListener } from '../../../src/linux/unix-listener.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { DeviceServer } from '../../../src/vfio-user/server/device-server.js'
import { PhysicalDevice } from '../../../src/vfio-user/server/physical-device.js'
import type { ServerEvent } from '../../../src/vfio-user/server/server-event.js'
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { mark } from './mark.js'
import { startNestedGuest, vfioUserDevice } from './nested.js'
import { report } from './report.js'

export interface WholeWay {
  readonly kvm: unknown
  readonly kernel: string
  readonly ids: string
  /** What came back of `pattern`, over the device, in the guest's guest. */
  readonly copied: string
  readonly pattern: string
  readonly status: number | undefined
  readonly events: readonly ServerEvent[]
}

const socket = '/tmp/edu.sock'
const device = '/sys/bus/pci/devices/0000:00:04.0'
const pattern = '0xC0FFEE11'

/** Memory that the innermost kernel does not know of, so that nobody else uses it. */
const known = '120M'
const source = 0x800_0000
const target = 0x800_1000

// The engine of the edu device (QEMU docs/specs/edu.rst): a copy into its buffer, and one out of it, each about 100 ms long.
const copyThroughDevice = `
set -e
echo 1 > ${device}/enable
printf '\\006' | dd of=${device}/config bs=1 seek=4 conv=notrunc 2> /dev/null
bar=$(awk 'NR == 1 { print $1 }' ${device}/resource)
put() { devmem $((bar + $1)) 64 $2; }
devmem ${source} 32 ${pattern}
devmem ${target} 32 0
put 0x80 ${source}; put 0x88 0x40000; put 0x90 4; put 0x98 1; sleep 1
put 0x80 0x40000; put 0x88 ${target}; put 0x90 4; put 0x98 3; sleep 1
devmem ${target} 32
`

const address = addressOf('edu-root')
bindToVfio(address)
const events: ServerEvent[] = []
using ownership = new VfioOwnership()
using fn = await openVfioFunction(address, ownership)
const onEvent = (event: ServerEvent) => events.push(event)
const server = new DeviceServer(new PhysicalDevice(fn, { onEvent }), { onEvent })
server.listen(UnixListener.listen(socket))

const guest = await startNestedGuest({
  devices: vfioUserDevice(socket, { bus: 'pcie.0', addr: '4' }),
  append: `mem=${known}`,
  timeoutMs: 200_000,
})
const found = {
  kvm: await guest.qmp('query-kvm'),
  kernel: (await guest.expect('uname -sr')).trim(),
  ids: (await guest.expect(`cat ${device}/vendor ${device}/device`)).trim().replace('\n', ' '),
  copied: (await guest.expect(copyThroughDevice)).trim(),
  pattern,
}
mark(1)
const status = await guest.powerOff()
await guest[Symbol.asyncDispose]()
// Returns when the device is quiet.
await server.close()
mark(2)
report({ ...found, status, events } satisfies WholeWay)
