// A virtio disk for a QEMU guest, with a file behind it: node build/examples/virtio-disk.js FILE SOCKET
import { BlockStore } from './nvme/block-store.js'
import { serveUntilSignal } from './serving/serve-until-signal.js'
import { virtioDisk } from './virtio/disk.js'

const [file, socket] = process.argv.slice(2)
if (file === undefined || socket === undefined) throw new Error('Usage: virtio-disk FILE SOCKET')
await using store = await BlockStore.open(file)
await serveUntilSignal('virtio-disk', virtioDisk(store), socket)
