// The guest's file system, all of it in memory, as archives that follow one another: the base (busybox, Node, lspci, kernel
// modules: large, made once and cached), the project (small, made anew for each boot), and what is to be run.
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { type CpioEntry, cpioArchive } from './cpio.js'
import { readKernelModules, wantedModules } from './kernel-modules.js'
import type { VmParts } from './packages.js'
import { projectRoot } from './project-root.js'
import { runCommand } from './run-command.js'
import { sharedLibraries } from './shared-libraries.js'

// Debian's own Node reads these parts of itself from files; other builds have them inside.
const externalParts = [
  'acorn/dist/acorn.js',
  'acorn-walk/dist/walk.js',
  'cjs-module-lexer/lexer.js',
  'cjs-module-lexer/dist/lexer.js',
  'minimatch/dist/cjs/index.bundle.js',
  'undici/undici-fetch.js',
].map((name) => `/usr/share/nodejs/${name}`)

const week = 7 * 24 * 3600 * 1000

/** Builds the base archive if the cache has none for this kernel and this Node, and returns its path. */
export async function baseArchive(parts: VmParts): Promise<string> {
  const node = realpathSync(process.execPath)
  const libraries = await sharedLibraries(node)
  const inputs = [node, ...libraries.map((path) => realpathSync(path))].map((path) => {
    const { size, mtimeMs } = statSync(path)
    return [path, size, mtimeMs]
  })
  const key = createHash('sha256')
    .update(JSON.stringify([1, parts.modules, inputs, wantedModules]))
    .digest('hex')
  const path = join(parts.folder, `base-${key.slice(0, 12)}.cpio`)
  if (existsSync(path)) return path
  removeOldBases(parts.folder)
  const work = mkdtempSync(join(parts.folder, 'base-'))
  try {
    const unfinished = join(work, 'archive')
    writeArchive(unfinished, 'w', await baseEntries(parts, node, libraries))
    renameSync(unfinished, path)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return path
}

/** Writes the whole file system to `path`: the base, the compiled project, and `script`, which init runs. */
export function writeInitramfs(path: string, base: string, script: string): void {
  copyFileSync(base, path)
  writeArchive(path, 'a', [
    ...projectEntries(),
    { path: 'etc/run', kind: 'file', data: Buffer.from(script), permissions: 0o755 },
  ])
}

async function baseEntries(parts: VmParts, node: string, libraries: readonly string[]): Promise<CpioEntry[]> {
  const busybox = join(parts.root, 'usr/bin/busybox')
  const applets = (await runCommand(busybox, ['--list']))
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox')
  const modules = readKernelModules(parts.modules, wantedModules, busybox)
  return [
    ...['dev', 'proc', 'sys', 'tmp', 'root', 'run'].map((path): CpioEntry => ({ path, kind: 'folder' })),
    { path: 'dev/console', kind: 'charDevice', major: 5, minor: 1 },
    program(busybox, 'bin/busybox'),
    ...applets.map((name): CpioEntry => ({ path: `bin/${name}`, kind: 'link', target: 'busybox' })),
    program(node, 'bin/node'),
    ...[...libraries, ...externalParts.filter((path) => existsSync(path))].map((path) => program(path, path.slice(1))),
    ...modules.map(({ name, data }): CpioEntry => ({ path: `lib/modules/${name}.ko`, kind: 'file', data })),
    {
      path: 'lib/modules/order',
      kind: 'file',
      data: Buffer.from(modules.map(({ name }) => `${name}\n`).join('')),
    },
    ...lspciEntries(parts),
  ]
}

// lspci is of another release than the host's Node, so it has a C library of its own (see guest-root/bin/lspci).
function lspciEntries({ root }: VmParts): CpioEntry[] {
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
  const needed =
    /^(ld-linux-x86-64|libc|libm|libpci|libkmod|libudev|libcap|libz|libzstd|liblzma|libcrypto|libresolv)\.so\.\d+$/
  return [
    program(join(root, 'usr/bin/lspci'), 'opt/pciutils/lspci'),
    ...readdirSync(libraries)
      .filter((name) => needed.test(name))
      .map((name) => program(join(libraries, name), `opt/pciutils/lib/${name}`)),
    { path: 'usr/share/misc/pci.ids', kind: 'file', data: readFileSync(join(root, 'usr/share/misc/pci.ids')) },
  ]
}

function projectEntries(): CpioEntry[] {
  const modules = ['commander', 'koffi', '@koromix'].map((name) => join('node_modules', name))
  const folders = ['build/src', 'build/test', 'build/bench', ...modules].filter((name) =>
    existsSync(join(projectRoot, name)),
  )
  return [
    program(join(projectRoot, 'package.json'), 'app/package.json'),
    ...folders.flatMap((name) => folderEntries(join(projectRoot, name), join('app', name))),
    ...folderEntries(join(projectRoot, 'test/vm/guest-root'), '.', 0o755),
  ]
}

// Sources of the FFI, and what only a compiler or an editor reads.
const unneeded = /^(vendor|doc)\/|^src\/.*\.(cc|hh|S|asm|inc|txt|cmake)$|\.(d\.ts|tsbuildinfo|md)$/

function folderEntries(folder: string, target: string, permissions = 0o644): CpioEntry[] {
  const skip = basename(folder) === 'koffi' ? unneeded : /\.(d\.ts|tsbuildinfo|md)$/
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((file) => {
    const path = join(file.parentPath, file.name)
    const inside = relative(folder, path)
    return file.isFile() && !skip.test(inside) ? [program(path, join(target, inside), permissions)] : []
  })
}

function program(from: string, path: string, permissions = 0o755): CpioEntry {
  return { path, kind: 'file', data: readFileSync(from), permissions }
}

function writeArchive(path: string, flags: 'w' | 'a', entries: Iterable<CpioEntry>): void {
  const file = openSync(path, flags)
  try {
    for (const piece of cpioArchive(entries)) {
      for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done)
    }
  } finally {
    closeSync(file)
  }
}

// Each is about 100 MB, and a new Node makes the old one useless.
function removeOldBases(folder: string): void {
  for (const name of readdirSync(folder).filter((name) => /^base-/.test(name))) {
    const path = join(folder, name)
    if (Date.now() - statSync(path).mtimeMs > week) rmSync(path, { recursive: true, force: true })
  }
}
