// A running guest of QEMU that obeys: shell commands in it, and QEMU's monitor beside it. Knows nothing of where QEMU and the
// kernel come from, so that it serves for guests of the guest too.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LineChannel, openLineChannel } from './line-channel.js'

export interface CommandResult {
  readonly status: number
  /** What it printed on both standard output and standard error. */
  readonly output: string
}

export interface ShellGuestOptions {
  /** For the boot, and for each command that does not say otherwise. */
  readonly timeoutMs?: number
  /** Hears what the guest prints on its console, as it comes. */
  readonly onConsole?: (text: string) => void
}

const defaultTimeoutMs = 120_000

/** Starts QEMU by `command`, which names neither serial lines nor a monitor, and waits until the guest takes commands. */
export async function startShellGuest(
  command: readonly string[],
  options: ShellGuestOptions = {},
): Promise<ShellGuest> {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-guest-'))
  const guest = new ShellGuest(folder, options)
  try {
    await guest.start(command)
    return guest
  } catch (error) {
    await guest[Symbol.asyncDispose]()
    throw error
  }
}

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** Disposing of it ends the machine at once, as pulling the plug does. */
export class ShellGuest implements AsyncDisposable {
  /** All that the console and QEMU itself have printed so far. */
  serial = ''
  /** The names of QEMU's events so far, such as RESET and SHUTDOWN, in order. */
  readonly events: string[] = []
  readonly #folder: string
  readonly #options: ShellGuestOptions
  readonly #waiting = new Set<Waiting>()
  readonly #questions: Waiting[] = []
  #whenReady: Waiting | undefined
  #whenDone: Waiting | undefined
  #shell: LineChannel | undefined
  #monitor: LineChannel | undefined
  #kill: () => void = () => {}
  #ended: Promise<number | undefined> = Promise.resolve(undefined)
  #hasEnded = false

  constructor(folder: string, options: ShellGuestOptions) {
    this.#folder = folder
    this.#options = options
  }

  /** QEMU's exit status, once it has ended; nothing if a signal ended it. */
  get ended(): Promise<number | undefined> {
    return this.#ended
  }

  /** For `startShellGuest`. */
  async start(command: readonly string[]): Promise<void> {
    const shell = join(this.#folder, 'shell')
    const monitor = join(this.#folder, 'monitor')
    this.#shell = await openLineChannel(shell, (line) => this.#hearShell(line))
    this.#monitor = await openLineChannel(monitor, (line) => this.#hearMonitor(line))
    const [program = '', ...args] = command
    const lines = [
      ...['-serial', 'stdio', '-chardev', `socket,id=shell,path=${shell}`, '-serial', 'chardev:shell'],
      ...['-chardev', `socket,id=monitor,path=${monitor}`, '-mon', 'chardev=monitor,mode=control'],
    ]
    const ready = this.#untilReady()
    this.#spawn(program, [...args, ...lines])
    await Promise.all([ready, this.qmp('qmp_capabilities')])
  }

  /** Runs a line, or several, by the guest's shell. */
  async run(command: string, timeoutMs?: number): Promise<CommandResult> {
    const done = this.#wait<CommandResult>(`command "${command}"`, timeoutMs, (waiting) => {
      this.#whenDone = waiting
    })
    this.#shell?.send(Buffer.from(command).toString('base64'))
    return done
  }

  /** As `run`, and returns the output. A status other than 0 is an error. */
  async expect(command: string, timeoutMs?: number): Promise<string> {
    const { status, output } = await this.run(command, timeoutMs)
    if (status !== 0) throw new Error(`Cannot run "${command}" in the guest: status ${status}: ${output}`)
    return output
  }

  /** A command of QEMU's monitor (docs/interop/qmp-spec.rst), and what it returns. */
  qmp(execute: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    const answer = this.#wait<unknown>(`monitor command ${execute}`, undefined, (waiting) => {
      this.#questions.push(waiting)
    })
    this.#monitor?.send(JSON.stringify({ execute, ...(args === undefined ? {} : { arguments: args }) }))
    return answer
  }

  /** Resets the machine by its reset line, or lets the guest's kernel reboot it, and waits until it takes commands again. */
  async restart(how: 'reset line' | 'reboot' = 'reset line'): Promise<void> {
    const ready = this.#untilReady()
    if (how === 'reset line') await this.qmp('system_reset')
    else this.#shell?.send(Buffer.from('reboot -f').toString('base64'))
    await ready
  }

  /** Lets the guest turn itself off, and waits for QEMU to end. */
  async powerOff(): Promise<number | undefined> {
    this.#shell?.send('exit')
    return this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill()
    await this.#ended
    this.#shell?.[Symbol.dispose]()
    this.#monitor?.[Symbol.dispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #spawn(program: string, args: readonly string[]): void {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#kill = () => child.kill('SIGKILL')
    process.once('exit', this.#kill)
    const hear = (text: string) => {
      this.serial += text
      this.#options.onConsole?.(text)
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    this.#ended = new Promise((resolve) => {
      const end = (status: number | null) => {
        process.off('exit', this.#kill)
        this.#hasEnded = true
        resolve(status ?? undefined)
        for (const { reject } of this.#waiting) reject(new Error('the machine has ended'))
      }
      child.once('error', () => end(null))
      child.once('close', end)
    })
  }

  #untilReady(): Promise<void> {
    return this.#wait<void>('boot', undefined, (waiting) => {
      this.#whenReady = waiting
    })
  }

  /** Waits for an answer; an error has the end of the console in it, for that is where the reason is. */
  async #wait<Answer>(
    what: string,
    timeoutMs: number | undefined,
    register: (waiting: Waiting) => void,
  ): Promise<Answer> {
    const limit = timeoutMs ?? this.#options.timeoutMs ?? defaultTimeoutMs
    let waiting: Waiting | undefined
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Answer>((resolve, reject) => {
        waiting = { resolve, reject }
        if (this.#hasEnded) reject(new Error('the machine has ended'))
        this.#waiting.add(waiting)
        register(waiting)
        timer = setTimeout(() => reject(new Error(`no answer in ${limit} ms`)), limit)
      })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`Cannot wait for the guest's ${what}: ${reason}; its console:\n${this.serial.slice(-4000)}`)
    } finally {
      clearTimeout(timer)
      if (waiting !== undefined) this.#waiting.delete(waiting)
    }
  }

  #hearShell(line: string): void {
    if (line === '@@READY') this.#whenReady?.resolve(undefined as never)
    const [, status, output = ''] = /^@@DONE (\d+) (\S*)$/.exec(line) ?? []
    if (status === undefined) return
    const result: CommandResult = { status: Number(status), output: Buffer.from(output, 'base64').toString() }
    this.#whenDone?.resolve(result as never)
  }

  #hearMonitor(line: string): void {
    const message = JSON.parse(line) as { return?: unknown; error?: { desc: string }; event?: string }
    if (message.event !== undefined) this.events.push(message.event)
    else if (message.error !== undefined) this.#questions.shift()?.reject(new Error(message.error.desc))
    else if ('return' in message) this.#questions.shift()?.resolve(message.return as never)
  }
}
