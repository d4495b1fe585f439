// Limits of the machine and of this process that memory for DMA runs into.
import { libc } from './libc.js'
import { systemCallError } from './system-call-error.js'

/** `RLIMIT_MEMLOCK` and `_SC_PAGESIZE` of Linux, the same on x86-64, arm64 and riscv64. */
const resourceMemlock = 8
const pageSizeName = 30
const unlimited = 2n ** 64n - 1n

let cachedPageSize: number | undefined

/** The size of a page of memory, in bytes. */
export function pageSize(): number {
  // SAFETY: no pointers.
  cachedPageSize ??= Number(libc().sysconf(pageSizeName))
  return cachedPageSize
}

/** How much memory this process may pin, in bytes; `undefined` where it is unlimited. */
export function memlockLimit(): bigint | undefined {
  const c = libc()
  const limit = new BigUint64Array(2)
  // SAFETY: struct rlimit is two 64-bit numbers, which the kernel writes before the call returns.
  if (c.getrlimit(resourceMemlock, limit) !== 0) {
    throw systemCallError({ action: 'read the limit on pinned memory', syscall: 'getrlimit', errno: c.errno() })
  }
  const [soft = unlimited] = limit
  return soft === unlimited ? undefined : soft
}
