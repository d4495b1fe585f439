// The program in C, as a child that makes a pass whenever it is told to.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Pass } from './map-pieces.js'
import { firstAddress, memorySize, type PieceSet } from './piece-sets.js'

export class MapMemoryProgram implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>

  /** @param memory the descriptor of the memory; `path` is the group's, or the character device's */
  constructor(program: string, way: 'type1' | 'iommufd', path: string, memory: number) {
    this.#child = spawn(program, [way, path], { stdio: ['pipe', 'pipe', 'inherit', memory] })
    this.#ended = new Promise((resolve, reject) => this.#child.once('error', reject).once('close', resolve))
    if (this.#child.stdout === null) throw new Error('no output')
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async pass({ size, stride, count }: PieceSet): Promise<Pass> {
    this.#child.stdin?.write(`${[memorySize, firstAddress, size, stride, count].join(' ')}\n`)
    const line = await this.#lines.next()
    if (line.done === true) throw new Error('the program in C has ended')
    const [map = 0, unmap = 0] = line.value.split(' ').map(Number)
    return { map: map / 1e6, unmap: unmap / 1e6 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    await this.#ended
  }
}
