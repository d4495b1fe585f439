// Runs a program of the unpacked packages on the host. They are of a release with a C library of its own, newer than that of
// many a host, so they run with that and with its loader.
import { join } from 'node:path'

/** The command, with the loader in front. `program` is relative to the unpacked packages. */
export function bundledCommand(root: string, program: string): string[] {
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
  return [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries, join(root, program)]
}
