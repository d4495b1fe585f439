// Messages to throw at a server: well-formed ones with fields that mean something, and what becomes of them when bytes are
// changed, cut, repeated or sent in pieces. Repeatable from its seed.
import { raw } from '../unit/vfio-user/messages/wire.js'
import { ask, irqFlags, versionPayload } from './wire-client.js'

/** xorshift32: small, and the same everywhere. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state
  }

  below(end: number): number {
    return this.next() % end
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }
}

const interesting = [0, 1, 2, 4, 7, 8, 15, 16, 31, 32, 255, 256, 4095, 4096, 65535, 1 << 20, 0x7fff_ffff, 0xffff_ffff]
const places = [0n, 1n, 4095n, 4096n, 0x10_0000n, 1n << 32n, 1n << 63n, (1n << 64n) - 4096n, (1n << 64n) - 1n]

function structured(random: Random): Uint8Array {
  const number = () => random.pick(interesting)
  const small = () => random.below(24)
  const place = () => random.pick(places)
  const bytes = (length: number) => Array.from({ length }, () => random.below(256))
  const flags = random.below(8) === 0 ? random.below(64) : 0
  const id = random.below(0x10000)
  const makers = [
    () => ask.map(place(), place(), random.below(16), place(), 32),
    () => ask.map(BigInt(random.below(64)) * 4096n, 4096n, 3),
    () => ask.unmap(place(), place(), random.below(4), 24 + small()),
    () => ask.unmap(BigInt(random.below(64)) * 4096n, 4096n),
    () => ask.unmap(0n, 0n, 2),
    () => ask.deviceInfo(number()),
    () => ask.regionInfo(small(), number()),
    () => ask.ioFds(small(), number(), random.below(2), random.below(2)),
    () => ask.irqInfo(small(), number()),
    () => ask.setIrqs(random.below(6), random.below(64), small(), small(), bytes(random.below(20))),
    () => ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, small(), 1),
    () => ask.read(random.below(10), place(), number()),
    () => ask.read(7, BigInt(random.below(256)), small()),
    () => ask.write(random.below(10), place(), bytes(small())),
    () => ask.write(0, BigInt(random.below(4096)), bytes(small()), number()),
    () => ask.reset,
    () => ask.feature(number() | (random.below(8) << 16), bytes(small() * 2), number()),
    () => ask.feature(random.below(9) | (random.below(8) << 16), bytes(random.below(64)), 128),
    () => ask.migrationRead(number(), number()),
    () => ask.migrationWrite(bytes(small()), number(), number()),
    () => ({ command: 15, payload: bytes(8 + 24 * random.below(4)) }),
    () => ({ command: random.below(20), payload: bytes(random.below(64)) }),
    () => ({
      command: 1,
      payload: versionPayload(random.pick(['{}', '{"capabilities": {}}', '[', '{"capabilities": 1}'])),
    }),
    // Answers that nobody asked for.
    () => ({ command: 11 + random.below(2), flags: 1, payload: bytes(random.below(40)) }),
  ]
  return raw({ id, flags, ...random.pick(makers)() })
}

function spoil(message: Uint8Array, random: Random): Uint8Array {
  const bytes = message.slice()
  const at = () => random.below(bytes.byteLength)
  for (let left = 1 + random.below(4); left > 0; left--)
    bytes[at()] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])
  // Mostly the size stays true, or the connection would end with nearly every one.
  if (random.below(400) > 0) new DataView(bytes.buffer).setUint32(4, bytes.byteLength, true)
  return bytes
}

/** The next thing to send: a message, whole, spoiled, cut short, or noise. */
export function mutant(random: Random): Uint8Array {
  const kind = random.below(1000)
  const message = structured(random)
  if (kind < 500) return message
  if (kind < 998) return spoil(message, random)
  if (kind === 998) return message.subarray(0, random.below(message.byteLength))
  return Uint8Array.from({ length: random.below(200) }, () => random.below(256))
}
