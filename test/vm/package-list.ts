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
