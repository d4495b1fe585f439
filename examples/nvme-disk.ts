// An NVMe disk for a QEMU guest, with a file behind it: node build/examples/nvme-disk.js FILE SOCKET
import { BlockStore } from './nvme/block-store.js'
import { nvmeDisk } from './nvme/disk.js'
import { serveUntilSignal } from './serving/serve-until-signal.js'

const [file, socket] = process.argv.slice(2)
if (file === undefined || socket === undefined) throw new Error('Usage: nvme-disk FILE SOCKET')
await using store = await BlockStore.open(file)
await serveUntilSignal('nvme-disk', nvmeDisk(store, 'QUIESCE0'), socket)
