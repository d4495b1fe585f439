// A device whose memory a QEMU guest maps: node build/examples/memory-bar.js SOCKET
import { adder } from './memory-bar/adder.js'
import { serveUntilSignal } from './serving/serve-until-signal.js'

const [socket] = process.argv.slice(2)
if (socket === undefined) throw new Error('Usage: memory-bar SOCKET')
using device = adder()
await serveUntilSignal('memory-bar', device, socket)
