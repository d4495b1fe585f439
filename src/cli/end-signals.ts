// Signals that ask the program to end. Whatever it owns is let go of in order first.

/** SIGHUP: the terminal is gone, or a service is to go. */
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Calls back at each of them, with how many there were, until disposed. */
export function onEndSignals(callback: (name: NodeJS.Signals, count: number) => void): Disposable {
  let count = 0
  const onSignal = (name: NodeJS.Signals): void => callback(name, ++count)
  for (const name of endSignals) process.on(name, onSignal)
  return {
    [Symbol.dispose]() {
      for (const name of endSignals) process.off(name, onSignal)
    },
  }
}
