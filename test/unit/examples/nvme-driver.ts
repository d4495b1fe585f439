// An NVMe driver as small as one can be: the admin queue, and others that a test asks for.
import assert from 'node:assert/strict'
import { type Command, Completion, Submission } from '../../../examples/nvme/entries.js'
import type { BusFunction } from '../../../src/kit/bus-function.js'
import { nvmeRegister, nvmeStatus } from '../../../src/sim/models/nvme-controller.js'
import { until } from '../kit/fake-client.js'

export interface Answer {
  readonly status: number
  readonly result: number
}

interface Queue {
  readonly submission: number
  readonly completion: number
  readonly entries: number
  tail: number
  head: number
  phase: number
}

/** Where the driver keeps things: queues in pairs of pages, then data. */
export const place = { queues: 0x1000, data: 0x4_0000, list: 0x8_0000 } as const
export const enabled = 0x0046_0001

export class NvmeDriver {
  readonly #fn: Pick<BusFunction, 'readBar' | 'writeBar'>
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #queues = new Map<number, Queue>()
  readonly #answers = new Map<number, Answer>()
  #nextId = 0

  constructor(fn: Pick<BusFunction, 'readBar' | 'writeBar'>, memory: Uint8Array) {
    this.#fn = fn
    this.#memory = memory
    this.#view = new DataView(memory.buffer, memory.byteOffset)
  }

  get(register: number): number {
    return Number(this.#fn.readBar(0, register, 4))
  }

  set(register: number, value: number): void {
    this.#fn.writeBar(0, register, 4, BigInt(value))
  }

  async start(entries = 16): Promise<void> {
    this.#answers.clear()
    const { submission, completion } = this.newQueue(0, entries)
    this.set(nvmeRegister.adminQueueAttributes, ((entries - 1) << 16) | (entries - 1))
    this.set(nvmeRegister.adminSubmissionQueue, submission)
    this.set(nvmeRegister.adminCompletionQueue, completion)
    this.set(nvmeRegister.configuration, enabled)
    await until('it is ready', () => (this.get(nvmeRegister.status) & nvmeStatus.ready) !== 0)
  }

  async stop(): Promise<void> {
    this.set(nvmeRegister.configuration, enabled & ~1)
    await until('it is not ready any more', () => (this.get(nvmeRegister.status) & nvmeStatus.ready) === 0)
  }

  /** Makes room for a pair of queues; the controller is told by commands. */
  newQueue(id: number, entries: number): Queue {
    const submission = place.queues + id * 0x2000
    const queue = { submission, completion: submission + 0x1000, entries, tail: 0, head: 0, phase: 1 }
    this.#memory.fill(0, submission, submission + 0x2000)
    this.#queues.set(id, queue)
    return queue
  }

  /** Creates a pair of queues, as its id and vector. */
  async createPair(id: number, entries = 16): Promise<void> {
    const { submission, completion } = this.newQueue(id, entries)
    const dword10 = ((entries - 1) << 16) | id
    const made = await this.command(0, { opcode: 0x05, prp1: BigInt(completion), dword10, dword11: (id << 16) | 3 })
    assert.equal(made.status, 0)
    const second = await this.command(0, { opcode: 0x01, prp1: BigInt(submission), dword10, dword11: (id << 16) | 1 })
    assert.equal(second.status, 0)
  }

  /** Puts a command into a queue and rings; returns its id. */
  submit(id: number, values: Partial<Command>, ring = true): number {
    const queue = this.#queue(id)
    const commandId = this.#nextId++
    const entry = Submission.encode({ ...values, commandId })
    this.#memory.set(entry, queue.submission + queue.tail * Submission.size)
    queue.tail = (queue.tail + 1) % queue.entries
    if (ring) this.ring(id)
    return commandId
  }

  ring(id: number): void {
    this.set(nvmeRegister.adminSubmissionDoorbell + 8 * id, this.#queue(id).tail)
  }

  /** Takes answers out of a queue, without telling the controller. */
  take(id: number): number {
    const queue = this.#queue(id)
    let taken = 0
    for (;;) {
      const at = queue.completion + queue.head * Completion.size
      const status = this.#view.getUint16(at + Completion.offsets.status, true)
      if ((status & 1) !== queue.phase) return taken
      const { commandId, result } = Completion.decode(this.#memory, at)
      assert.ok(!this.#answers.has(commandId), `${commandId} is answered once`)
      this.#answers.set(commandId, { status: status >> 1, result })
      queue.head = (queue.head + 1) % queue.entries
      if (queue.head === 0) queue.phase ^= 1
      taken++
    }
  }

  acknowledge(id: number): void {
    this.set(nvmeRegister.adminCompletionDoorbell + 8 * id, this.#queue(id).head)
  }

  /** The answer to a command, once it is there. */
  async answer(queue: number, commandId: number): Promise<Answer> {
    await until('it is answered', () => {
      if (this.take(queue) > 0) this.acknowledge(queue)
      return this.#answers.has(commandId)
    })
    return this.#answers.get(commandId) ?? { status: -1, result: 0 }
  }

  command(queue: number, values: Partial<Command>): Promise<Answer> {
    return this.answer(queue, this.submit(queue, values))
  }

  #queue(id: number): Queue {
    const queue = this.#queues.get(id)
    assert.ok(queue)
    return queue
  }
}
