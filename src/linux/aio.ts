// Linux's asynchronous I/O, <linux/aio_abi.h>, for the one thing that nothing else does: its completions signal an eventfd
// from inside the kernel, which never blocks. The C library has no functions for it.
import koffi from 'koffi'
import { struct } from '../bits/struct.js'

export const IoControlBlock = struct('iocb', {
  aio_data: 'u64',
  aio_key: 'u32',
  aio_rw_flags: 'u32',
  aio_lio_opcode: 'u16',
  aio_reqprio: 'u16',
  aio_fildes: 'u32',
  aio_buf: 'u64',
  aio_nbytes: 'u64',
  aio_offset: 'u64',
  aio_reserved2: 'u64',
  aio_flags: 'u32',
  aio_resfd: 'u32',
})

export const IoEvent = struct('io_event', { data: 'u64', obj: 'u64', res: 'u64', res2: 'u64' })

export const aioConstant = { IOCB_CMD_PREAD: 0, IOCB_FLAG_RESFD: 1, RWF_NOWAIT: 0x8 } as const

const generic = { SYS_io_setup: 0, SYS_io_destroy: 1, SYS_io_submit: 2, SYS_io_getevents: 4, SYS_preadv2: 286 } as const
/** <sys/syscall.h>, by `process.arch`; what is not here has the numbers of arm64 and riscv64. */
const numbers = {
  x64: { SYS_io_setup: 206, SYS_io_destroy: 207, SYS_io_submit: 209, SYS_io_getevents: 208, SYS_preadv2: 327 },
} as const

export const aioCall = process.arch === 'x64' ? numbers.x64 : generic

export interface AioCalls {
  setup(events: number, context: bigint): number
  destroy(context: bigint): number
  submit(context: bigint, count: number, blocks: bigint): number
  getEvents(context: bigint, least: number, most: number, events: bigint): number
  /** From the file's own position. */
  preadv2(fd: number, vectors: bigint, count: number, flags: number): number
}

/** Addresses are those of memory that lies still. */
export function loadAioCalls(): AioCalls {
  const self = koffi.load(null)
  const make = (...parameters: string[]) => self.func('syscall', 'long', ['long', ...parameters])
  const setup = make('ulong', 'uintptr_t')
  const destroy = make('uintptr_t')
  const submit = make('uintptr_t', 'long', 'uintptr_t')
  const getEvents = make('uintptr_t', 'long', 'long', 'uintptr_t', 'uintptr_t')
  const preadv2 = make('long', 'uintptr_t', 'long', 'long', 'long', 'int')
  return {
    setup: (events, context) => setup(aioCall.SYS_io_setup, events, context),
    destroy: (context) => destroy(aioCall.SYS_io_destroy, context),
    submit: (context, count, blocks) => submit(aioCall.SYS_io_submit, context, count, blocks),
    getEvents: (context, least, most, events) =>
      getEvents(aioCall.SYS_io_getevents, context, least, most, events, noTimeout),
    preadv2: (fd, vectors, count, flags) => preadv2(aioCall.SYS_preadv2, fd, vectors, count, -1, -1, flags),
  }
}

/** With a least of 0 nothing is waited for. */
const noTimeout = 0n
