const suffixes = ['', 'K', 'M', 'G', 'T']

/** ` [size=16K]`; nothing for zero. */
export function sizeText(bytes: bigint): string {
  if (bytes === 0n) return ''
  let value = bytes
  let suffix = 0
  while (suffix < suffixes.length - 1 && value % 1024n === 0n) {
    value /= 1024n
    suffix++
  }
  return ` [size=${value}${suffixes[suffix]}]`
}
