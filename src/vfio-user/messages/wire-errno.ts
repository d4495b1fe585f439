// errno numbers as they travel. The protocol is for one host, and these are Linux's own on x86, Arm and RISC-V.
// EINVAL is what the reference, libvfio-user, answers to anything malformed; the others are of requests that are well
// formed and cannot be done.
export const wireErrno = {
  /** DMA_UNMAP of what is not mapped. */
  ENOENT: 2,
  /** DMA_MAP over a mapping. */
  EEXIST: 17,
  EINVAL: 22,
  /** DMA_MAP of more than the server takes. */
  ENOSPC: 28,
  /** A dirty bitmap over several mappings. */
  ENOTSUP: 95,
} as const

/** Above it, a number in the header is no errno. */
const highestErrno = 4096

/** The errno of an error reply. It is optional there: EINVAL stands for none, and for one that cannot be. */
export function errnoOfReply(raw: number): number {
  return raw > 0 && raw <= highestErrno ? raw : wireErrno.EINVAL
}
