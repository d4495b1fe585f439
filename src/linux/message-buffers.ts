// What recvmsg and sendmsg need, laid out once in memory that lies still: no call allocates, and no byte is copied
// between the kernel and what JavaScript sees. The structs are those of 64-bit Linux.
import { struct } from '../bits/struct.js'
import { AnonymousMemory } from './anonymous-memory.js'
import { socketConstant } from './socket-constants.js'

export const MessageHeader = struct('msghdr', {
  msg_name: 'u64',
  msg_namelen: 'u32',
  msg_iov: 'u64',
  msg_iovlen: 'u64',
  msg_control: 'u64',
  msg_controllen: 'u64',
  msg_flags: 'u32',
})

export const IoVector = struct('iovec', { iov_base: 'u64', iov_len: 'u64' })

/** Followed by data; `cmsg_len` counts both. */
export const ControlHeader = struct('cmsghdr', { cmsg_len: 'u64', cmsg_level: 'u32', cmsg_type: 'u32' })

/** The kernel passes no more descriptors at once (SCM_MAX_FD). Room for all of them: then none is ever cut off. */
const mostDescriptors = 253

const controlRoom = 2048
const vectorAt = 64
const controlAt = 128
const dataAt = 4096

const { offsets: header } = MessageHeader
const { offsets: vector } = IoVector

/** One `msghdr` with its vector, its room for descriptors, and its data. */
export class MessageBuffers implements Disposable {
  readonly #memory: AnonymousMemory
  readonly #view: DataView
  /** The data: what is received, or what is to be sent. */
  readonly data: Uint8Array
  /** Of the `msghdr`. */
  readonly address: number
  /** As the structs say now: most calls leave them, and to make a bigint of a number is slow. */
  #offset = 0
  #hasControl = false

  constructor(dataSize: number) {
    this.#memory = new AnonymousMemory(dataAt + dataSize)
    const { bytes, address } = this.#memory
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.data = bytes.subarray(dataAt)
    this.address = Number(address)
    MessageHeader.encode({ msg_iov: address + BigInt(vectorAt), msg_iovlen: 1n }, bytes)
    IoVector.encode({ iov_base: address + BigInt(dataAt) }, bytes, vectorAt)
  }

  /** Before a receive: all the room there is. */
  prepareToReceive(): void {
    this.#prepare(0, this.data.byteLength, controlRoom)
  }

  /** Before a send of `length` bytes of the data, from `offset` on. */
  prepareToSend(offset: number, length: number, fds: readonly number[]): void {
    this.#prepare(offset, length, fds.length === 0 ? 0 : this.#encodeDescriptors(fds))
  }

  /** The descriptors that a receive brought; they are the caller's to close. */
  takeDescriptors(): { readonly fds: readonly number[]; readonly lost: boolean } {
    const lost = (this.#view.getUint32(header.msg_flags, true) & socketConstant.MSG_CTRUNC) !== 0
    const end = controlAt + Number(this.#view.getBigUint64(header.msg_controllen, true))
    const fds: number[] = []
    for (let at = controlAt; at + ControlHeader.size <= end; ) {
      const { cmsg_len, cmsg_level, cmsg_type } = ControlHeader.decode(this.#memory.bytes, at)
      const length = Number(cmsg_len)
      if (length < ControlHeader.size) break
      if (cmsg_level === socketConstant.SOL_SOCKET && cmsg_type === socketConstant.SCM_RIGHTS) {
        for (let each = at + ControlHeader.size; each + 4 <= at + length; each += 4) {
          fds.push(this.#view.getInt32(each, true))
        }
      }
      at += Math.ceil(length / 8) * 8
    }
    return { fds, lost }
  }

  /** Whether a receive brought anything beside data. */
  get hasControl(): boolean {
    const cut = this.#view.getUint32(header.msg_flags, true) & socketConstant.MSG_CTRUNC
    return cut !== 0 || this.#view.getUint32(header.msg_controllen, true) !== 0
  }

  #prepare(offset: number, length: number, control: number): void {
    const view = this.#view
    if (offset !== this.#offset) {
      this.#offset = offset
      view.setBigUint64(vectorAt + vector.iov_base, BigInt(this.address + dataAt + offset), true)
    }
    view.setUint32(vectorAt + vector.iov_len, length, true)
    if (control > 0 !== this.#hasControl) {
      this.#hasControl = control > 0
      view.setBigUint64(header.msg_control, control === 0 ? 0n : BigInt(this.address + controlAt), true)
    }
    view.setUint32(header.msg_controllen, control, true)
    view.setUint32(header.msg_flags, 0, true)
  }

  #encodeDescriptors(fds: readonly number[]): number {
    if (fds.length > mostDescriptors) throw new RangeError(`Cannot pass ${fds.length} descriptors at once`)
    const length = ControlHeader.size + 4 * fds.length
    const { SOL_SOCKET, SCM_RIGHTS } = socketConstant
    const fields = { cmsg_len: BigInt(length), cmsg_level: SOL_SOCKET, cmsg_type: SCM_RIGHTS }
    ControlHeader.encode(fields, this.#memory.bytes, controlAt)
    for (const [index, fd] of fds.entries()) {
      this.#view.setInt32(controlAt + ControlHeader.size + 4 * index, fd, true)
    }
    return Math.ceil(length / 8) * 8
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]()
  }
}
