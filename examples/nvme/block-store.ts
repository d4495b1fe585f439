// Where the blocks are. What is under way is counted, because a reset takes nothing back that the kernel already has: a
// controller starts anew only once the last user's writes are in the file, so that none of them overtakes a new one.
import { type FileHandle, open } from 'node:fs/promises'
import { punchHole } from '../../src/linux/punch-hole.js'

const zeroes = new Uint8Array(1 << 20)

export class BlockStore implements AsyncDisposable {
  readonly size: bigint
  readonly #file: FileHandle
  readonly #giveBack: typeof punchHole
  #underWay = 0
  #waiting: (() => void)[] = []

  /** Opens a file, whose size is that of the disk. `giveBack` makes holes in it, and says whether it could. */
  static async open(path: string, giveBack = punchHole): Promise<BlockStore> {
    const file = await open(path, 'r+')
    return new BlockStore(file, (await file.stat({ bigint: true })).size, giveBack)
  }

  private constructor(file: FileHandle, size: bigint, giveBack: typeof punchHole) {
    this.#file = file
    this.#giveBack = giveBack
    this.size = size
  }

  read(offset: bigint, into: Uint8Array): Promise<void> {
    return this.#whole(into, offset, (part, at) => this.#file.read(part, 0, part.length, at))
  }

  write(offset: bigint, from: Uint8Array): Promise<void> {
    return this.#whole(from, offset, (part, at) => this.#file.write(part, 0, part.length, at))
  }

  /** Writes zeros until `signal` is aborted. */
  zero(offset: bigint, length: number, signal: AbortSignal): Promise<void> {
    return this.#counted(async () => {
      for (let done = 0; done < length && !signal.aborted; done += zeroes.length) {
        await this.write(offset + BigInt(done), zeroes.subarray(0, Math.min(zeroes.length, length - done)))
      }
    })
  }

  /** Gives a range back to the file system, where that can be; it reads as zeros in any case. */
  discard(offset: bigint, length: bigint, signal: AbortSignal): Promise<void> {
    return this.#counted(async () => {
      if (length === 0n || signal.aborted) return
      if (!(await this.#giveBack(this.#file.fd, Number(offset), Number(length))))
        await this.zero(offset, Number(length), signal)
    })
  }

  flush(): Promise<void> {
    return this.#counted(() => this.#file.datasync())
  }

  /** Resolves once nothing is under way. */
  settled(): Promise<void> {
    return this.#underWay === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled()
    await this.#file.close()
  }

  #whole(
    bytes: Uint8Array,
    offset: bigint,
    move: (part: Uint8Array, at: number) => Promise<{ bytesRead: number } | { bytesWritten: number }>,
  ): Promise<void> {
    return this.#counted(async () => {
      for (let done = 0; done < bytes.length; ) {
        const moved = await move(bytes.subarray(done), Number(offset) + done)
        const count = 'bytesRead' in moved ? moved.bytesRead : moved.bytesWritten
        if (count === 0) throw new Error('the file ends before the disk does')
        done += count
      }
    })
  }

  async #counted(work: () => Promise<void>): Promise<void> {
    this.#underWay++
    try {
      await work()
    } finally {
      this.#underWay--
      if (this.#underWay === 0) for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }
}
