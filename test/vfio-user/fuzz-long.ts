// A million mutants, or as many as given: node build/test/vfio-user/fuzz-long.js [MESSAGES] [SEED]
import { memoryUsage } from 'node:process'
import { fuzz } from './fuzz.js'

const [messages = 1_000_000, seed = Date.now() & 0xffff] = process.argv.slice(2).map(Number)
const step = 100_000
const start = performance.now()
for (let done = 0; done < messages; done += step) {
  const outcome = await fuzz(seed + done, Math.min(step, messages - done))
  const seconds = Math.round((performance.now() - start) / 1000)
  const mebibytes = Math.round(memoryUsage().rss / (1 << 20))
  console.log(`${done + outcome.messages} messages`, { seed: seed + done, ...outcome, seconds, mebibytes })
}
