// A client that starts a transfer of edu to its memory, says so, and is killed. Argument: the path of the socket.
import { eduBuffer, eduDmaCommand } from '../../../src/sim/models/edu-device.js'
import { openVfioUserFunction } from '../../../src/vfio-user/client/vfio-user-function.js'
import { enableEdu, startEduTransfer } from './edu-client.js'

const fn = openVfioUserFunction(process.argv[2] ?? '')
enableEdu(fn)
fn.dma.map(0x10_0000n, fn.dma.allocate(4096n), 'read-write')
startEduTransfer(fn, eduBuffer.start, 0x10_0000n, eduDmaCommand.run | eduDmaCommand.toMemory)
process.stdout.write('started\n')
setInterval(() => {}, 1000)
