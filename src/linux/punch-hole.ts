// Gives a part of a file back to its file system: it reads as zeros from then on (fallocate(2)).
import koffi from 'koffi'
import { errnoName } from './errno.js'
import { libc } from './libc.js'
import { holeConstant } from './seal-constants.js'
import { systemCallError } from './system-call-error.js'

type Allocate = (
  fd: number,
  mode: number,
  offset: number,
  length: number,
  done: (error: unknown, value: number) => void,
) => void

let loaded: Allocate | undefined

/**
 * False where the file system cannot do that; the file is as it was then. It may take long, so it is done on another thread;
 * the descriptor must stay open meanwhile.
 * @throws QuiesceError as `systemCallError` makes it
 */
export async function punchHole(fd: number, offset: number, length: number): Promise<boolean> {
  loaded ??= koffi.load(null).func('int fallocate(int fd, int mode, int64_t offset, int64_t length)').async as Allocate
  const allocate = loaded
  const errno = await new Promise<number>((resolve, reject) => {
    // SAFETY: no pointers.
    allocate(
      fd,
      holeConstant.FALLOC_FL_PUNCH_HOLE | holeConstant.FALLOC_FL_KEEP_SIZE,
      offset,
      length,
      (error, value) => {
        if (error) reject(error)
        else resolve(value < 0 ? libc().errno() : 0)
      },
    )
  })
  if (errno === 0) return true
  if (['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes(errnoName(errno))) return false
  throw systemCallError({ action: `give back ${length} bytes of a file`, syscall: 'fallocate', errno })
}
