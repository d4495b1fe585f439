import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type DescriptorWatch, watchDescriptor } from '../../../src/linux/descriptor-watch.js'
import { EventFd } from '../../../src/linux/eventfd.js'
import { signalEventfd } from '../../../src/linux/signal-eventfd.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Nothing that lives holds the watch, its callback included. */
function watchLoosely(signalled: EventFd, callback: () => void): WeakRef<DescriptorWatch> {
  return new WeakRef(watchDescriptor(signalled.fd, { readable: true }, callback))
}

describe('a watch of a descriptor', () => {
  it('calls back though nobody keeps it', async () => {
    using signalled = new EventFd()
    let calls = 0
    const watch = watchLoosely(signalled, () => calls++)
    for (let round = 0; round < 5; round++) {
      await wait(10)
      collectGarbage()
    }
    signalEventfd(signalled.fd)
    for (let waited = 0; calls === 0 && waited < 5000; waited += 10) await wait(10)
    watch.deref()?.close()
    assert.ok(calls > 0)
  })

  it('is still once it is closed', async () => {
    using signalled = new EventFd()
    let calls = 0
    const watch = watchDescriptor(signalled.fd, { readable: true }, () => calls++)
    watch.close()
    signalEventfd(signalled.fd)
    await wait(50)
    assert.equal(calls, 0)
  })
})
