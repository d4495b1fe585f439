// The client, in a process of its own: asks each server in its turn, and prints how long each round trip took as JSON.
// It inherits a socket to each server, in the order of the arguments, from descriptor 3 on. Last argument: rounds.
import { writeFileSync } from 'node:fs'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { adoptSocket } from '../../src/linux/unix-socket.js'
import { ClientConnection, clientSendSize } from '../../src/vfio-user/client/connection.js'
import { VfioUserFunction } from '../../src/vfio-user/client/vfio-user-function.js'
import { timeEach } from '../by-turns.js'
import { RawSocket } from './raw-socket.js'
import type { RoundTrip, VfioUserSamples } from './samples.js'
import { command, errnoOf, putAccess, putDmaMap, putDmaUnmap, putVersion } from './wire.js'

const first = 3
const servers = process.argv.slice(2, -1)
const rounds = Number(process.argv.at(-1))
const descriptor = (server: string): number | undefined => {
  const index = servers.indexOf(server)
  return index < 0 ? undefined : first + index
}
const mebibyte = 1 << 20
const smallBatch = 400
const largeBatch = 8
const mappings = 100
const mappingSize = 0x20_0000n

function socketTo(server: string): RawSocket {
  const fd = descriptor(server)
  if (fd === undefined) throw new Error(`no server ${server}`)
  return new RawSocket(fd)
}

/** Sends what was put into the socket and waits for the answer. */
function roundTrip(socket: RawSocket, length: number, fds?: readonly number[]): void {
  socket.send(length, fds)
  if (socket.receive() === 0 || errnoOf(socket) !== 0) throw new Error(`refused: errno ${errnoOf(socket)}`)
}

const access = (socket: RawSocket, id: typeof command.read | typeof command.write, count: number) => () =>
  roundTrip(socket, putAccess(socket, id, count))

const blocking = socketTo('blocking')
const eventLoop = socketTo('event-loop')
const device = socketTo('device')
roundTrip(device, putVersion(device))

const ours = descriptor('device for our client')
if (ours === undefined) throw new Error('no server for our client')
const fn = new VfioUserFunction(new ClientConnection(adoptSocket(ours, clientSendSize), 'vfio-user:bench'))
const [bar] = fn.regions
if (bar === undefined) throw new Error('the device has no BAR')
const word = new Uint8Array(4)

const inC = descriptor('C echo')
const small = timeEach<RoundTrip>(
  {
    ...(inC === undefined ? {} : { 'C echo': echo(new RawSocket(inC)) }),
    'blocking echo': echo(blocking),
    'event-loop echo': echo(eventLoop),
    REGION_READ: access(device, command.read, 4),
    REGION_WRITE: access(device, command.write, 4),
    'REGION_READ, our client': () => bar.read(0n, word),
    'REGION_WRITE, our client': () => bar.write(0n, word),
  } as Record<RoundTrip, () => void>,
  { rounds, batch: smallBatch, warmUp: 15 },
)

/** A message as long as a REGION_READ, which comes back as it is. */
function echo(socket: RawSocket): () => void {
  return () => roundTrip(socket, putDmaUnmap(socket, 0n, 0n))
}

const large = timeEach(
  {
    'bare read': access(blocking, command.read, mebibyte),
    'bare write': access(blocking, command.write, mebibyte),
    REGION_READ: access(device, command.read, mebibyte),
    REGION_WRITE: access(device, command.write, mebibyte),
  },
  { rounds, batch: largeBatch, warmUp: 4 },
)

using memory = new SharedMemory(mappingSize)
const place = { map: 0n, unmap: 0n }
const next = (which: keyof typeof place): bigint => {
  const at = place[which]
  place[which] = (at + mappingSize) % (BigInt(mappings) * mappingSize)
  return at
}
const dma = timeEach(
  {
    'bare, with a file': () => roundTrip(blocking, putDmaMap(blocking, 0n, mappingSize), [memory.fd]),
    DMA_MAP: () => roundTrip(device, putDmaMap(device, next('map'), mappingSize), [memory.fd]),
    bare: () => roundTrip(blocking, putDmaUnmap(blocking, 0n, mappingSize)),
    DMA_UNMAP: () => roundTrip(device, putDmaUnmap(device, next('unmap'), mappingSize)),
  },
  { rounds, batch: mappings, inOrder: true },
)

const samples: VfioUserSamples = { small, large, dma }
writeFileSync(1, JSON.stringify(samples))
fn[Symbol.dispose]()
