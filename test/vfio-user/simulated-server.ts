import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeviceThread } from '../../src/vfio-user/server/device-thread.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'

/** A simulated function that is served by another thread; its events, as they come. */
export class SimulatedServer {
  readonly path: string
  readonly events: ServerEvent[] = []
  readonly #folder: string
  readonly #thread: Promise<DeviceThread>

  /** `slowdown`: how many times slower it does things than the model says. */
  constructor(model: string, slowdown = 1) {
    this.#folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
    this.path = join(this.#folder, 'socket')
    this.#thread = DeviceThread.start({
      module: new URL('./serve-simulated.js', import.meta.url),
      maker: 'makeSimulated',
      data: { model, slowdown },
      at: { path: this.path },
      onEvent: (event) => this.events.push(event),
    })
  }

  async ready(): Promise<void> {
    await this.#thread
  }

  async close(): Promise<void> {
    const thread = await this.#thread
    await thread.close()
    rmSync(this.#folder, { recursive: true })
  }
}
