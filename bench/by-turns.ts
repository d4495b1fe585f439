// Several ways of doing the same, measured by turns: a busy moment of the machine hits all of them.

export type Ways<K extends string> = Readonly<Record<K, () => void>>

export interface Turns {
  /** How often each way has its turn, after some that do not count. */
  readonly rounds: number
  /** Calls in one turn. */
  readonly batch: number
  readonly warmUp?: number
  /** Always in the order in which they are named: where one undoes what the other did. */
  readonly inOrder?: boolean
}

/** Microseconds of every single call; for calls that take much longer than reading a clock. */
export function timeEach<K extends string>(ways: Ways<K>, turns: Turns): Record<K, number[]> {
  const { batch } = turns
  return collect(ways, turns, (call, samples) => {
    for (let done = 0; done < batch; done++) {
      const began = performance.now()
      call()
      samples.push((performance.now() - began) * 1000)
    }
  })
}

/** Microseconds of one call, by batches. */
export function timeBatches<K extends string>(ways: Ways<K>, turns: Turns): Record<K, number[]> {
  const { batch } = turns
  return collect(ways, turns, (call, samples) => {
    const began = performance.now()
    for (let done = 0; done < batch; done++) call()
    samples.push(((performance.now() - began) * 1000) / batch)
  })
}

function collect<K extends string>(
  ways: Ways<K>,
  { rounds, warmUp = 2, inOrder = false }: Turns,
  turn: (call: () => void, samples: number[]) => void,
): Record<K, number[]> {
  const names = Object.keys(ways) as K[]
  const all = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  for (let round = -warmUp; round < rounds; round++) {
    // Each goes first once in a while, for the one before it may leave something behind.
    const first = inOrder ? 0 : Math.max(0, round) % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) turn(ways[name], round < 0 ? [] : all[name])
  }
  return all
}
