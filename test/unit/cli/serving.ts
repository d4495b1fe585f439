// `quiesce serve` as a user starts it: a process of its own, whose lines are read as they come.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveSchema } from '../../../src/cli/schemas/serve-schema.js'
import { violations } from './validate-schema.js'

const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

export type Event = Readonly<Record<string, unknown>>

/** A folder for sockets, which goes with all that is in it. */
export class SocketFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'quiesce-serve-'))

  at(name: string): string {
    return join(this.path, name)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

export interface ServingOptions {
  /** Descriptors of this process that the program finds as 3 and so on, passed as a service manager does. */
  readonly passed?: readonly number[]
}

export class Serving implements AsyncDisposable {
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #status: number | null | undefined

  constructor(args: readonly string[], { passed = [] }: ServingOptions = {}) {
    const stdio = ['ignore' as const, 'pipe' as const, 'pipe' as const, ...passed]
    const env = { PATH: process.env['PATH'], TERM: 'xterm', LISTEN_FDS: String(passed.length) }
    // The shell becomes the program, whose process id a service manager tells it.
    const line = `${passed.length > 0 ? 'export LISTEN_PID=$$; ' : ''}exec "$@"`
    this.#child = spawn('sh', ['-c', line, 'sh', process.execPath, program, 'serve', ...args], { stdio, env })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#wake()
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#child.once('close', (status) => {
      this.#status = status
      this.#wake()
    })
  }

  /** What it has told so far with --json, each held against the schema. */
  get events(): readonly Event[] {
    const lines = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1).split('\n')
    return lines
      .filter((line) => line !== '')
      .map((line) => {
        const event: Event = JSON.parse(line)
        assert.deepEqual(violations(serveSchema, event), [], line)
        return event
      })
  }

  kinds(device?: string): unknown[] {
    return this.events.flatMap((event) => (device === undefined || event['device'] === device ? event['event'] : []))
  }

  /** The event of a kind that comes, or came, as the `nth`. */
  async event(kind: string, nth = 1, device?: string): Promise<Event> {
    const find = () =>
      this.events.filter((each) => each['event'] === kind && (device === undefined || each['device'] === device))
    await this.#until(() => find().length >= nth, `event ${kind} number ${nth}`)
    const found = find()[nth - 1]
    assert.ok(found)
    return found
  }

  async says(pattern: RegExp): Promise<void> {
    await this.#until(() => pattern.test(this.stdout), String(pattern))
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The status that it ends with. */
  async ended(): Promise<number | null> {
    await this.#until(() => this.#status !== undefined, 'its end')
    return this.#status ?? null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#status === undefined) this.signal('SIGKILL')
    await this.ended()
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    while (!isSo()) {
      assert.ok(
        this.#status === undefined || what === 'its end',
        `no ${what} before its end: ${this.stdout}${this.stderr}`,
      )
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}
