// The thread that blocks. It makes one call at a time and answers each with its result.
import { parentPort } from 'node:worker_threads'
import { type BlockingCall, callHere } from './blocking-call.js'
import { libc } from './libc.js'

// Loaded now, while nobody waits, instead of in the middle of the first reset.
libc()

parentPort?.on('message', (call: BlockingCall) => {
  parentPort?.postMessage(callHere(call))
})
