// Asks a C compiler what expressions mean to the kernel's headers.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KernelHeaders } from './kernel-headers.js'

export interface CValues {
  readonly values: ReadonlyMap<string, bigint>
  /** Expressions that the headers do not know. */
  readonly unknown: ReadonlySet<string>
}

const included = [
  'stddef.h',
  'stdio.h',
  'fcntl.h',
  'poll.h',
  'sys/mman.h',
  'sys/socket.h',
  'sys/syscall.h',
  'sys/uio.h',
  'linux/aio_abi.h',
  'linux/falloc.h',
  'linux/vfio.h',
  'linux/iommufd.h',
  'linux/kvm.h',
  'linux/pci_regs.h',
  'linux/virtio_config.h',
  'linux/virtio_pci.h',
  'linux/virtio_ring.h',
]

/** The C compiler of this machine, if it has one. */
export function findCompiler(): string | undefined {
  const candidates = [process.env['CC'], 'cc', 'gcc', 'clang'].filter((name) => name !== undefined && name !== '')
  return candidates.find((name) => spawnSync(name as string, ['--version']).status === 0)
}

/** The value of each expression, as an unsigned number of 64 bits. */
export function evaluate(compiler: string, headers: KernelHeaders, expressions: readonly string[]): CValues {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-abi-'))
  try {
    const unknown = new Set<string>()
    for (;;) {
      const known = expressions.filter((expression) => !unknown.has(expression))
      const lines = sourceLines(known)
      writeFileSync(join(folder, 'values.c'), lines.map(({ text }) => text).join('\n'))
      const folders = headers.folders.flatMap((path) => ['-isystem', path])
      const args = [...folders, '-D_GNU_SOURCE', '-w', '-fmax-errors=0', '-o', 'values', 'values.c']
      const built = spawnSync(compiler, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
      if (built.status === 0) return { values: run(join(folder, 'values'), known), unknown }
      const failed = [...built.stderr.matchAll(/^values\.c:(\d+):\d+: error:/gm)]
      const expressionsThere = failed.flatMap(([, line]) => lines[Number(line) - 1]?.expression ?? [])
      if (expressionsThere.length === 0)
        throw new Error(`Cannot compile against the kernel's headers:\n${built.stderr}`)
      for (const expression of expressionsThere) unknown.add(expression)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface SourceLine {
  readonly text: string
  readonly expression?: string
}

/** One expression on a line, so that an error names its expression by its line. */
function sourceLines(expressions: readonly string[]): SourceLine[] {
  return [
    ...included.map((name) => ({ text: `#if __has_include(<${name}>)\n#include <${name}>\n#endif` })).flatMap(split),
    { text: 'int main(void) {' },
    ...expressions.map((expression) => ({
      text: `printf("%llu\\n", (unsigned long long)(${expression}));`,
      expression,
    })),
    { text: 'return 0; }' },
    { text: '' },
  ]
}

const split = ({ text }: SourceLine): SourceLine[] => text.split('\n').map((line) => ({ text: line }))

function run(program: string, expressions: readonly string[]): Map<string, bigint> {
  const { stdout, status } = spawnSync(program, { encoding: 'utf8' })
  const lines = stdout.split('\n').slice(0, -1)
  if (status !== 0 || lines.length !== expressions.length) throw new Error('Cannot run the compiled program')
  return new Map(expressions.map((expression, index) => [expression, BigInt(lines[index] ?? '')]))
}
