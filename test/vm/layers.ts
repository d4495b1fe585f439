// The large parts of a guest's file system that seldom change, as archives in the cache, each made once.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bundledEntries, fileEntry, textEntry, writeArchive } from './archive-entries.js'
import { cachedProduct } from './cached-product.js'
import type { CpioEntry } from './cpio.js'
import { type ModuleSet, moduleSets, readKernelModules } from './kernel-modules.js'
import type { VmParts } from './packages.js'
import { recipeHash } from './recipe-hash.js'
import { runCommand } from './run-command.js'
import { sharedLibraries } from './shared-libraries.js'

/** To be raised when what is in a layer changes. */
const recipeVersion = 2

/** A shell, lspci and the modules of the kernel. */
export function systemLayer(parts: VmParts): Promise<string> {
  return layer(parts.folder, 'system', [parts.root, parts.modules, moduleSets], async () => [
    ...['dev', 'proc', 'sys', 'tmp', 'root', 'run'].map((path): CpioEntry => ({ path, kind: 'folder' })),
    { path: 'dev/console', kind: 'charDevice', major: 5, minor: 1 },
    ...(await busyboxEntries(parts)),
    ...moduleEntries(parts),
    ...lspciEntries(parts),
  ])
}

/** The Node that runs the tests. */
export async function nodeLayer({ folder }: VmParts): Promise<string> {
  const node = realpathSync(process.execPath)
  const libraries = await sharedLibraries(node)
  const inputs = [node, ...libraries.map((path) => realpathSync(path))].map((path) => {
    const { size, mtimeMs } = statSync(path)
    return [path, size, mtimeMs]
  })
  return layer(folder, 'node', inputs, async () => [
    fileEntry(node, 'bin/node'),
    ...[...libraries, ...externalParts.filter((path) => existsSync(path))].map((path) =>
      fileEntry(path, path.slice(1)),
    ),
  ])
}

/** What makes partitions and file systems: sfdisk and mkfs.ext4, out of the packages of the newer QEMU. */
export function diskToolsLayer({ folder }: VmParts, newQemu: string): Promise<string> {
  return layer(folder, 'disk-tools', [newQemu], async () => [
    ...(await bundledEntries('disk-tools', newQemu, ['usr/sbin/mke2fs', 'usr/sbin/e2fsck', 'usr/sbin/sfdisk'])),
    fileEntry(join(newQemu, 'etc/mke2fs.conf'), 'etc/mke2fs.conf', 0o644),
    textEntry(
      'bin/mkfs.ext4',
      '#!/bin/sh\n# busybox has an mke2fs too, and prefers its own\nexec /bin/mke2fs -t ext4 "$@"\n',
      0o755,
    ),
  ])
}

/** The newer QEMU for the guest itself, with the firmware that starts a kernel, for guests of the guest. */
export function qemuLayer({ folder }: VmParts, newQemu: string): Promise<string> {
  const firmware = [
    ...['seabios/bios-256k.bin', 'seabios/bios.bin'],
    ...['kvmvapic.bin', 'linuxboot_dma.bin', 'linuxboot.bin', 'multiboot_dma.bin', 'pvh.bin'].map(
      (name) => `qemu/${name}`,
    ),
  ]
  return layer(folder, 'qemu-layer', [newQemu, firmware], async () => [
    ...(await bundledEntries('qemu', newQemu, ['usr/bin/qemu-system-x86_64'])),
    ...firmware
      .map((name) => join('usr/share', name))
      .filter((name) => existsSync(join(newQemu, name)))
      .map((name) => fileEntry(join(newQemu, name), join('opt/qemu', name), 0o644)),
  ])
}

function layer(
  folder: string,
  kind: string,
  ingredients: readonly unknown[],
  entries: () => Promise<readonly CpioEntry[]>,
): Promise<string> {
  const path = join(folder, `${kind}-${recipeHash(recipeVersion, kind, ingredients)}.cpio`)
  return cachedProduct(path, async (work) => {
    const archive = join(work, 'archive')
    writeArchive(archive, 'w', await entries())
    return archive
  })
}

async function busyboxEntries({ root }: VmParts): Promise<CpioEntry[]> {
  const busybox = join(root, 'usr/bin/busybox')
  const names = (await runCommand(busybox, ['--list'])).split('\n')
  const applets = names.filter((name) => name !== '' && name !== 'busybox')
  return [
    fileEntry(busybox, 'bin/busybox'),
    ...applets.map((name): CpioEntry => ({ path: `bin/${name}`, kind: 'link', target: 'busybox' })),
  ]
}

function moduleEntries({ root, modules }: VmParts): CpioEntry[] {
  const busybox = join(root, 'usr/bin/busybox')
  const names = Object.keys(moduleSets) as ModuleSet[]
  const sets = names.map((set) => ({
    set,
    members: modules === undefined ? [] : readKernelModules(modules, moduleSets[set], busybox),
  }))
  const files = new Map(sets.flatMap(({ members }) => members.map(({ name, data }) => [name, data])))
  return [
    ...[...files].map(([name, data]): CpioEntry => ({ path: `lib/modules/${name}.ko`, kind: 'file', data })),
    ...sets.map(({ set, members }) =>
      textEntry(`lib/modules/sets/${set}`, members.map(({ name }) => `${name}\n`).join('')),
    ),
  ]
}

// lspci is of another release than the host's Node, so it has a C library of its own (see guest-root/bin/lspci).
function lspciEntries({ root }: VmParts): CpioEntry[] {
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
  const needed =
    /^(ld-linux-x86-64|libc|libm|libpci|libkmod|libudev|libcap|libz|libzstd|liblzma|libcrypto|libresolv)\.so\.\d+$/
  return [
    fileEntry(join(root, 'usr/bin/lspci'), 'opt/pciutils/lspci'),
    ...readdirSync(libraries)
      .filter((name) => needed.test(name))
      .map((name) => fileEntry(join(libraries, name), `opt/pciutils/lib/${name}`)),
    { path: 'usr/share/misc/pci.ids', kind: 'file', data: readFileSync(join(root, 'usr/share/misc/pci.ids')) },
  ]
}

// Debian's own Node reads these parts of itself from files; other builds have them inside.
const externalParts = [
  'acorn/dist/acorn.js',
  'acorn-walk/dist/walk.js',
  'cjs-module-lexer/lexer.js',
  'cjs-module-lexer/dist/lexer.js',
  'minimatch/dist/cjs/index.bundle.js',
  'undici/undici-fetch.js',
].map((name) => `/usr/share/nodejs/${name}`)
