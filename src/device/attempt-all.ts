/** Does every step, also if one of them fails; throws the first failure then. */
export function attemptAll(steps: readonly (() => void)[]): void {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** Gives everything back, the last first. Throws the first failure, once all were tried. */
export function release(holds: readonly Disposable[]): void {
  attemptAll([...holds].reverse().map((hold) => () => hold[Symbol.dispose]()))
}
