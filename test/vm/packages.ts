// Gets the parts of the VM: downloaded with apt, unpacked with dpkg-deb, never installed. A machine that cannot get them is
// an answer, not a crash.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledCommand } from './bundled-command.js'
import { cacheFolder } from './cache-folder.js'
import { cachedProduct } from './cached-product.js'
import { fetchPackages } from './fetch-packages.js'
import { zstdPayload } from './kernel-image.js'
import { packageSets, recipeVersion, suites } from './package-list.js'
import { recipeHash } from './recipe-hash.js'
import { CommandFailed, runCommand } from './run-command.js'

/** The unpacked parts. */
export interface VmParts {
  readonly available: true
  /** The folder of everything of the VM in the cache. */
  readonly folder: string
  /** The unpacked packages: `usr/bin/qemu-system-x86_64` and so on are below it. */
  readonly root: string
  /** The unpacked packages that QEMU is run from: these, or those of a newer QEMU. */
  readonly qemu: string
  readonly kernel: string
  /** The folder of the kernel's modules; none where all is built in. */
  readonly modules: string | undefined
}

/** This machine cannot get the parts, and why: one line. */
export interface VmUnavailable {
  readonly available: false
  readonly reason: string
}

/** The parts from the cache, or downloaded now (about 75 MB). `progress` hears what takes long. */
export async function obtainParts(progress: (line: string) => void = () => {}): Promise<VmParts | VmUnavailable> {
  const obstacle = findObstacle()
  if (obstacle !== undefined) return { available: false, reason: obstacle }
  const cache = cacheFolder()
  if (cache === undefined) return { available: false, reason: 'no cache folder can be written to (set QUIESCE_CACHE)' }
  const folder = join(cache, 'vm')
  const root = join(folder, `packages-${listHash()}`)
  try {
    await cachedProduct(root, (work) => download(work, root, progress))
    return locateParts(folder, root)
  } catch (error) {
    if (error instanceof CommandFailed) {
      return { available: false, reason: `the Debian packages cannot be fetched: ${error.message}` }
    }
    throw error
  }
}

function findObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the test VM needs Linux on x86-64'
  for (const program of ['apt-get', 'dpkg-deb']) {
    const found = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)))
    if (!found) return `the test VM is made from Debian packages, and ${program} is not here`
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (!/^ID=debian$/m.test(release)) return 'the test VM is made from Debian packages, and this machine is not a Debian'
  return undefined
}

async function download(work: string, root: string, progress: (line: string) => void): Promise<string> {
  progress('fetching the lists of Debian packages')
  const unpacked = await fetchPackages(work, packageSets, suites, (packages) => {
    progress(`fetching QEMU and a kernel: ${packages.length} Debian packages, unpacked into ${root}, never installed`)
  })
  await unpackKernel(unpacked)
  return unpacked
}

async function unpackKernel(root: string): Promise<void> {
  const payload = zstdPayload(findKernel(root).image)
  // Without the ELF file the VM boots as well, only later.
  if (payload === undefined) return
  const compressed = join(root, 'vmlinux.zst')
  writeFileSync(compressed, payload)
  const [program = '', ...args] = bundledCommand(root, 'usr/bin/zstd')
  await runCommand(program, [...args, '-q', '-d', '--rm', compressed])
}

function locateParts(folder: string, root: string): VmParts {
  const { image, modules } = findKernel(root)
  const elf = join(root, 'vmlinux')
  return { available: true, folder, root, qemu: root, kernel: existsSync(elf) ? elf : image, modules }
}

function findKernel(root: string): { image: string; modules: string } {
  const folder = join(root, 'usr/lib/modules')
  const version = existsSync(folder) ? readdirSync(folder)[0] : undefined
  const modules = join(folder, version ?? '')
  const image = [join(modules, 'vmlinuz'), join(root, 'boot', `vmlinuz-${version}`)].find((path) => existsSync(path))
  if (image === undefined)
    throw new Error(`Cannot use the parts of the test VM: no kernel in ${root}; delete that folder`)
  return { image, modules }
}

function listHash(): string {
  const sets = packageSets.map(({ suite, packages, only }) => [suite, packages, only?.source])
  return recipeHash(recipeVersion, suites, sets)
}
