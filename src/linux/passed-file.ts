// What can be said of a file that another process passed, without asking its file system: a program may be behind that
// (FUSE), or another machine, and never answer.
import { readFileSync } from 'node:fs'
import { libc } from './libc.js'
import { sealConstant } from './seal-constants.js'

const { F_GET_SEALS, F_ADD_SEALS, F_SEAL_SHRINK } = sealConstant

/** The seals of memory (memfd, tmpfs, hugetlbfs); negative of every other file. */
function sealsOf(fd: number): number {
  // SAFETY: no pointers.
  return libc().fcntl(fd, F_GET_SEALS, 0)
}

/** Whether the file can never become shorter (memfd_create(2), file sealing). */
export function isSealed(fd: number): boolean {
  const seals = sealsOf(fd)
  return seals >= 0 && (seals & F_SEAL_SHRINK) !== 0
}

/** Sees to it that the file never becomes shorter, where its owner lets it. Whether it is so. */
export function seal(fd: number): boolean {
  // SAFETY: no pointers.
  return isSealed(fd) || libc().fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) === 0
}

/** File systems with a program or another machine behind them, by their names in mountinfo. */
const remote = /^(fuse|virtiofs|9p|nfs|cifs|smb|ceph|afs|lustre|gfs2|ocfs2|autofs)/

/** Whether calls on the file end by themselves: memory, and files of this machine's disks that this process could see itself. */
export function answersByItself(fd: number): boolean {
  if (sealsOf(fd) >= 0) return true
  try {
    const mount = /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
      if (mount === undefined || !line.startsWith(`${mount} `)) continue
      const [type = 'fuse'] = (line.split(' - ')[1] ?? '').split(' ')
      return !remote.test(type)
    }
  } catch {
    // Without /proc there is no telling.
  }
  return false
}
