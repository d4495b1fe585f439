// Threads for calls that block. libuv's pool is at hand but has four threads, and every file access of the program runs
// on them: four devices stuck in a reset would hold up all else. So it gets two calls at most, and every further one has
// a Worker of its own. Not Workers only: on a slow machine starting the first takes longer than most resets (measured:
// 1.4 s on a software CPU, 50 ms otherwise; a call on libuv's thread 0.6 ms against a warm Worker's 1.6 ms).
import { Worker } from 'node:worker_threads'
import { QuiesceError } from '../errors/quiesce-error.js'
import { type BlockingCall, type BlockingCallResult, callOnLibuvThread } from './blocking-call.js'

/** Workers kept for the next calls; each costs a few megabytes. */
const keptIdle = 4

/** libuv's threads that calls may occupy: never more than half of them. */
const libuvShare = Math.min(2, Math.floor(Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) / 2) || 0)

interface Pending {
  readonly resolve: (result: BlockingCallResult) => void
  readonly reject: (error: QuiesceError) => void
}

interface Thread {
  readonly worker: Worker
  pending: Pending | undefined
}

const idle: Thread[] = []
let onLibuv = 0

function startThread(): Thread {
  // Without the parent's options: a test runner's or a debugger's would be loaded in every thread.
  const worker = new Worker(new URL('./blocking-call-worker.js', import.meta.url), { execArgv: [] })
  const thread: Thread = { worker, pending: undefined }
  worker.on('message', (result: BlockingCallResult) => {
    const pending = thread.pending
    thread.pending = undefined
    putAside(thread)
    pending?.resolve(result)
  })
  const fail = (detail: string, cause?: unknown) => {
    const at = idle.indexOf(thread)
    if (at >= 0) idle.splice(at, 1)
    const pending = thread.pending
    thread.pending = undefined
    pending?.reject(new QuiesceError('SYSTEM', `Cannot run a blocking system call: ${detail}`, { cause }))
  }
  worker.on('error', (error) => fail('its thread failed', error))
  worker.on('exit', (code) => fail(`its thread ended with status ${code}`))
  return thread
}

/** An idle thread does not keep the process alive. */
function putAside(thread: Thread): void {
  thread.worker.unref()
  if (idle.length < keptIdle) idle.push(thread)
  else void thread.worker.terminate()
}

function callOnWorker(call: BlockingCall): Promise<BlockingCallResult> {
  return new Promise((resolve, reject) => {
    const thread = idle.pop() ?? startThread()
    thread.pending = { resolve, reject }
    thread.worker.ref()
    thread.worker.postMessage(call)
  })
}

/**
 * Makes the call off the event loop, however long it takes and however many others are stuck. While it runs it keeps
 * the process alive, and the process cannot end before it does.
 */
export async function runBlockingCall(call: BlockingCall): Promise<BlockingCallResult> {
  if (onLibuv >= libuvShare) return callOnWorker(call)
  onLibuv++
  try {
    return await callOnLibuvThread(call)
  } finally {
    onLibuv--
  }
}
