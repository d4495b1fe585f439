// Numbers of <fcntl.h> and <sys/mman.h> for memory that is a file: memfd_create(2), and sealing in fcntl(2).
export const sealConstant = {
  MFD_CLOEXEC: 0x1,
  MFD_ALLOW_SEALING: 0x2,
  F_ADD_SEALS: 1033,
  F_GET_SEALS: 1034,
  F_SEAL_SEAL: 0x1,
  F_SEAL_SHRINK: 0x2,
  F_SEAL_GROW: 0x4,
} as const

/** Of <linux/falloc.h>. */
export const holeConstant = { FALLOC_FL_KEEP_SIZE: 0x1, FALLOC_FL_PUNCH_HOLE: 0x2 } as const
