// The shared libraries of a program of this machine, as the loader would find them.
import { runCommand } from './run-command.js'

/** The paths that the loader looks up for `program`: its libraries and the loader itself. */
export async function sharedLibraries(program: string): Promise<string[]> {
  return parseLibraries(await runCommand('ldd', [program]))
}

/** Reads what ldd prints: `name => /path (address)`, or `/path (address)` for the loader. */
export function parseLibraries(text: string): string[] {
  return [...text.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map(([, path = '']) => path)
}
