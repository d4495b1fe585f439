// What the examples for one device have in common: the address is their only argument, and what fails is said in a line.
import { QuiesceError } from '../../src/index.js'

/** Runs `main` on the device that the command line names. */
export async function runOnDevice(name: string, main: (address: string) => Promise<void>): Promise<void> {
  const [address] = process.argv.slice(2)
  if (address === undefined) {
    console.error(`Usage: node build/examples/${name}.js <address of an edu device>`)
    process.exitCode = 2
    return
  }
  try {
    await main(address)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    if (error instanceof QuiesceError && error.hint !== undefined) console.error(error.hint)
    process.exitCode = 1
  }
}
