// The kernel as a plain ELF file. Debian's bzImage unpacks itself, which takes seconds on a software CPU; QEMU can start the
// ELF file inside it directly, through its PVH entry point.
import { readFileSync } from 'node:fs'

// Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
const setupSectors = 0x1f1
const payloadOffset = 0x248
const payloadLength = 0x24c
const sectorBytes = 512

const zstdMagic = 0xfd2fb528

/** The compressed ELF file in a bzImage, if it is there and compressed with zstd. */
export function zstdPayload(path: string): Uint8Array | undefined {
  const image = readFileSync(path)
  // The protected-mode part comes after the boot sector and the set-up code.
  const start = ((image[setupSectors] ?? 0) + 1) * sectorBytes + image.readUInt32LE(payloadOffset)
  // The last four bytes are the unpacked size, which is no part of the compressed data.
  const payload = image.subarray(start, start + image.readUInt32LE(payloadLength) - 4)
  return payload.length > 4 && payload.readUInt32LE(0) === zstdMagic ? payload : undefined
}
