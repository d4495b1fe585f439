// What the VM is made of, as Debian packages. The release is that of the parts, not of the host: they bring their own C
// library along, so any Debian whose keyring knows this release will do.

/** One set of packages, and the suite that it is taken from. */
export interface PackageSet {
  readonly suite: string
  readonly packages: readonly string[]
  /** Only packages whose name matches are taken, of all that the set depends on. */
  readonly only?: RegExp
}

export const suites = ['trixie', 'trixie-backports'] as const

export const packageSets: readonly PackageSet[] = [
  // QEMU 10 with its firmware, what the guest runs besides Node, and what unpacks the kernel.
  { suite: 'trixie', packages: ['qemu-system-x86', 'busybox-static', 'pciutils', 'pci.ids', 'zstd'] },
  // A kernel of today; the version is whatever backports has now. Its dependencies are for installing it, which nobody does.
  {
    suite: 'trixie-backports',
    packages: ['linux-image-cloud-amd64'],
    only: /^linux-(image|binary|modules)-\d/,
  },
]

/** To be raised when the way of unpacking changes, so that older caches are not used. */
export const recipeVersion = 2

/** The kernel's source, of the version that backports has now. */
export const kernelSource: PackageSet = {
  suite: 'trixie-backports',
  packages: ['linux-source'],
  only: /^linux-source-\d/,
}

/**
 * What builds a kernel, besides a C compiler. It runs on the host's C library, so it is of the host's release; its libraries
 * come along, but not the C library itself, of which there must be one only.
 */
export const kernelTools = (suite: string): PackageSet => ({
  suite,
  packages: ['make', 'flex', 'bison', 'bc', 'xz-utils', 'libelf-dev'],
  only: /^(make|flex|bison|m4|bc|xz-utils|lib(elf1|elf1t64|elf-dev|lzma5|readline8|readline8t64|tinfo6|zstd1|zstd-dev)|zlib1g|zlib1g-dev)$/,
})

/** A QEMU that is a client of vfio-user, and what makes partitions and file systems in its guest. */
export const newQemuSets: readonly PackageSet[] = [
  { suite: 'trixie-backports', packages: ['qemu-system-x86'] },
  { suite: 'trixie', packages: ['e2fsprogs', 'fdisk'] },
]
