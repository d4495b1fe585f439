// A kernel with IOMMUFD, which Debian's are built without: from Debian's own source, once, and kept in the cache.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cachedProduct } from './cached-product.js'
import { fetchPackages } from './fetch-packages.js'
import { iommufdKernelConfig, iommufdKernelWishes } from './iommufd-kernel-config.js'
import { kernelSource, kernelTools } from './package-list.js'
import { recipeHash } from './recipe-hash.js'
import { CommandFailed, runCommand } from './run-command.js'

/** To be raised when the way of building changes. */
const recipeVersion = 2

// Large, and read by nobody: what other machines and other devices are compiled from. Their Kconfig files must stay.
const notUnpacked = [
  ...['*/Documentation/*.rst', '*/tools/testing/*', '*/sound/*.[ch]', '*/arch/[!x]*/*.[chS]', '*/samples/*.c'],
  // The files of drivers/net itself are the core's: the loopback device is one.
  ...['gpu', 'net', 'media', 'infiniband', 'scsi', 'staging'].map((name) => `*/drivers/${name}/*/*.[ch]`),
  ...['arm', 'arm64', 'mips', 'powerpc'].map((name) => `*/arch/${name}/boot/dts/*`),
]

/**
 * The kernel as an ELF file, from the cache or built now, which takes some minutes and 170 MB of downloads. `folder` is that
 * of everything of the VM in the cache.
 * @throws Error "Cannot build the kernel with IOMMUFD: ..." with the reason in one line
 */
export async function iommufdKernel(folder: string, progress: (line: string) => void = () => {}): Promise<string> {
  const release = hostRelease()
  const key = recipeHash(recipeVersion, kernelSource, iommufdKernelConfig, iommufdKernelWishes)
  try {
    return await cachedProduct(join(folder, `iommufd-kernel-${key}`), async (work) => {
      await requireCompiler()
      progress('fetching the source of a kernel with IOMMUFD, to be built once (some minutes)')
      const sets = [kernelSource, kernelTools(release)]
      const root = await fetchPackages(work, sets, [...new Set([kernelSource.suite, 'trixie', release])])
      const kernel = await build(work, root)
      progress('the kernel with IOMMUFD is built')
      return kernel
    })
  } catch (cause) {
    if (cause instanceof CommandFailed) {
      throw new Error(`Cannot build the kernel with IOMMUFD: ${cause.message}`, { cause })
    }
    throw cause
  }
}

async function requireCompiler(): Promise<void> {
  for (const program of ['gcc', 'ld', 'objcopy']) {
    try {
      await runCommand(program, ['--version'])
    } catch {
      throw new CommandFailed(`it is built from source, and this machine has no ${program} (install gcc and libc6-dev)`)
    }
  }
}

async function build(work: string, root: string): Promise<string> {
  const tree = join(work, 'linux')
  const env = toolEnvironment(root)
  const run = (program: string, ...args: string[]) => runCommand(program, args, { cwd: work, env })
  const sources = join(root, 'usr/src')
  const archive = readdirSync(sources).find((name) => /^linux-source-.*\.tar\.xz$/.test(name))
  if (archive === undefined) throw new CommandFailed('the package with the source has no archive in it')
  const excluded = notUnpacked.map((pattern) => `--exclude=${pattern}`)
  await run('mkdir', tree)
  await run('tar', '-C', tree, '--strip-components=1', ...excluded, '-xJf', join(sources, archive))

  const make = (...targets: string[]) => run('nice', 'make', '-C', tree, ...hostFlags(root), ...targets)
  await make('tinyconfig')
  const config = join(tree, '.config')
  writeFileSync(config, `${[...iommufdKernelWishes, ...iommufdKernelConfig].join('\n')}\n`, { flag: 'a' })
  await make('olddefconfig')
  const lines = new Set(readFileSync(config, 'utf8').split('\n'))
  const refused = iommufdKernelConfig.filter((line) => !lines.has(line))
  // The names of the options change from release to release.
  if (refused.length > 0) throw new CommandFailed(`this version does not know ${refused.join(', ')}`)
  await make(`-j${availableParallelism()}`, 'vmlinux')
  // QEMU starts the ELF file itself, so that nothing has to be unpacked by a software CPU.
  await run('objcopy', '--strip-all', join(tree, 'vmlinux'), join(work, 'kernel'))
  return join(work, 'kernel')
}

// The tools look for their own files where they would be installed, unless told where they are.
function toolEnvironment(root: string): NodeJS.ProcessEnv {
  const programs = [join(root, 'usr/bin'), join(root, 'bin')].join(':')
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((name) => join(root, name)).join(':')
  return {
    ...process.env,
    LC_ALL: 'C',
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    LD_LIBRARY_PATH: libraries,
    BISON_PKGDATADIR: join(root, 'usr/share/bison'),
    M4: join(root, 'usr/bin/m4'),
    // The same source gives the same kernel.
    KBUILD_BUILD_TIMESTAMP: '1970-01-01',
    KBUILD_BUILD_USER: 'quiesce',
    KBUILD_BUILD_HOST: 'quiesce',
    // Those of a make that all this may have been started by.
    MAKEFLAGS: '',
    MAKELEVEL: '',
  }
}

const hostFlags = (root: string): string[] => [
  `HOSTCFLAGS=-I${join(root, 'usr/include')}`,
  `HOSTLDFLAGS=-L${join(root, 'usr/lib/x86_64-linux-gnu')}`,
  // The host's pkg-config would answer for the host's own libraries.
  'HOSTPKG_CONFIG=false',
]

function hostRelease(): string {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return /^VERSION_CODENAME=(\w+)/m.exec(text)?.[1] ?? 'stable'
}
