// Writes a cpio archive in the "newc" format, which is what the kernel unpacks as its initial file system
// (Documentation/driver-api/early-userspace/buffer-format.rst). Archives may simply follow one another.

const modes = { file: 0o100000, folder: 0o040000, link: 0o120000, charDevice: 0o020000 } as const

/** One file of an archive. */
export type CpioEntry =
  | { readonly path: string; readonly kind: 'file'; readonly data: Uint8Array; readonly permissions?: number }
  | { readonly path: string; readonly kind: 'folder' }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | { readonly path: string; readonly kind: 'charDevice'; readonly major: number; readonly minor: number }

/** The archive, in pieces to be written one after the other. Folders on the way to an entry are added by themselves. */
export function* cpioArchive(entries: Iterable<CpioEntry>): Generator<Uint8Array> {
  const seen = new Set<string>()
  let inode = 1
  for (const entry of entries) {
    for (const folder of foldersAbove(entry.path)) {
      if (!seen.has(folder)) yield* member({ path: folder, kind: 'folder' }, inode++)
      seen.add(folder)
    }
    if (entry.kind === 'folder' && seen.has(entry.path)) continue
    seen.add(entry.path)
    yield* member(entry, inode++)
  }
  yield* header('TRAILER!!!', { inode: 0, mode: 0, size: 0 })
}

function* foldersAbove(path: string): Generator<string> {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) yield path.slice(0, slash)
}

function* member(entry: CpioEntry, inode: number): Generator<Uint8Array> {
  const data =
    entry.kind === 'file' ? entry.data : entry.kind === 'link' ? Buffer.from(entry.target) : new Uint8Array(0)
  const permissions = entry.kind === 'file' ? (entry.permissions ?? 0o644) : 0o755
  const device = entry.kind === 'charDevice' ? { major: entry.major, minor: entry.minor } : {}
  yield* header(entry.path, { inode, mode: modes[entry.kind] | permissions, size: data.length, ...device })
  yield data
  yield new Uint8Array(padding(data.length))
}

interface Header {
  readonly inode: number
  readonly mode: number
  readonly size: number
  readonly major?: number
  readonly minor?: number
}

function* header(path: string, { inode, mode, size, major = 0, minor = 0 }: Header): Generator<Uint8Array> {
  const name = Buffer.from(`${path}\0`)
  // inode, mode, uid, gid, links, mtime, size, device (major, minor), special device (major, minor), name size, check
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name.length, 0]
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`
  yield Buffer.concat([Buffer.from(head), name, new Uint8Array(padding(head.length + name.length))])
}

const padding = (length: number) => (4 - (length % 4)) % 4
