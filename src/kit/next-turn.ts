/** Resolves once everything else of this thread has had its turn: what is awaited without it can keep all others waiting. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // setImmediate is not in browsers; a timer of 0 ms does the same, only slower.
    if (typeof globalThis.setImmediate === 'function') globalThis.setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}
