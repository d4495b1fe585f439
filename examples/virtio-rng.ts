// A virtio entropy device for a QEMU guest: node build/examples/virtio-rng.js SOCKET
import { randomBytes } from 'node:crypto'
import { serveUntilSignal } from './serving/serve-until-signal.js'
import { entropyDevice } from './virtio/entropy.js'

const [socket] = process.argv.slice(2)
if (socket === undefined) throw new Error('Usage: virtio-rng SOCKET')
await serveUntilSignal('virtio-rng', entropyDevice(randomBytes), socket)
