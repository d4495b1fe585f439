// VFIO's growing structs: the caller says in `argsz` how much room there is, and the kernel writes back how much it
// would need. A second call with that much room brings the capabilities.
import { type IoctlCommand, type IoctlResult, tryIoctl } from '../linux/ioctl.js'

interface GrowingStruct {
  readonly size: number
  encode(values: { argsz?: number }, into?: Uint8Array, at?: number): Uint8Array
  decode(bytes: Uint8Array, at?: number): { readonly argsz: number }
}

export type InfoResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly errno: number }

/** No info struct of any kernel comes near it; a wild `argsz` must not become a wild allocation. */
const longestInfo = 1 << 20

/** What carries out the ioctl; replaced in tests. */
export type InfoCall = (bytes: Uint8Array) => IoctlResult

/** Fills an info struct and everything that the kernel appends to it. `preset` writes the fields that select. */
export function queryInfo(
  shape: GrowingStruct,
  call: InfoCall,
  preset: (bytes: Uint8Array) => void = () => {},
): InfoResult {
  for (let room = shape.size; ; ) {
    const bytes = new Uint8Array(room)
    shape.encode({ argsz: room }, bytes)
    preset(bytes)
    const result = call(bytes)
    if (!result.ok) return result
    const { argsz } = shape.decode(bytes)
    if (argsz <= room || argsz > longestInfo) return { ok: true, bytes }
    room = argsz
  }
}

/** `InfoCall` for an ioctl on a file. */
export function infoIoctl(fd: number, command: IoctlCommand): InfoCall {
  return (bytes) => tryIoctl(fd, command, bytes)
}
