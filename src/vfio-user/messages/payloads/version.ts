// VERSION: the same payload both ways. SPDK sends it without the JSON; libvfio-user and QEMU with it.
import { maxVersionData } from '../limits.js'
import { fdRules, payload, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { Version } from '../structs.js'
import { assertConsistent } from '../tails.js'

export interface WithJson {
  /** Without its NUL. */
  readonly json?: string
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

const jsonTail: Tail<object, WithJson> = {
  read(_, rest) {
    if (rest.byteLength === 0) return {}
    if (rest.byteLength > maxVersionData) return new Problem('length', `${rest.byteLength} bytes of JSON`)
    if (rest[rest.byteLength - 1] !== 0) return new Problem('capabilities', 'the JSON does not end in NUL')
    // A string in C ends at its first NUL.
    const json = decodeText(rest.subarray(0, rest.indexOf(0)))
    return json === undefined ? new Problem('capabilities', 'the JSON is not UTF-8') : { json }
  },
  size: ({ json }) => (json === undefined ? 0 : encoder.encode(json).byteLength + 1),
  write({ json }, into) {
    if (json === undefined) return
    assertConsistent(!json.includes('\0'), 'the JSON contains NUL')
    const text = encoder.encode(json)
    into.set(text)
    into[text.byteLength] = 0
  },
}

export const versionRequest = payload(Version, { tail: jsonTail, fds: fdRules.refused })

/** May come with the socket of twin-socket mode, where the client asked for it. */
export const versionReply = payload(Version, { tail: jsonTail, fds: fdRules.one })
