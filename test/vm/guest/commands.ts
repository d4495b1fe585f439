// In the guest: carries out a list of steps that the test gives as JSON, and reports what each command said.
import { bindTo, createVirtualFunctions, setResetMethods, unbind } from './binding.js'
import { run } from './command.js'
import { mark } from './mark.js'
import { report } from './report.js'

export interface RunStep {
  readonly do: 'run'
  /** What the test calls its outcome. */
  readonly name: string
  /** `@vf0` stands for the address of the first virtual function that was made. */
  readonly line: readonly string[]
  /** The number of the user that runs it; root if not given. */
  readonly user?: number
}

export type CommandStep =
  | { readonly do: 'bind'; readonly driver: string; readonly address: string }
  | { readonly do: 'unbind'; readonly address: string }
  | { readonly do: 'virtual-functions'; readonly of: string; readonly count: number }
  | { readonly do: 'reset-methods'; readonly address: string; readonly methods: string }
  | { readonly do: 'mark'; readonly number: number }
  | RunStep

export interface CommandOutcome {
  readonly name: string
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const steps: CommandStep[] = JSON.parse(process.argv[2] ?? '[]')
let virtualFunctions: string[] = []

const resolve = (word: string): string => word.replace(/^@vf(\d)$/, (_, index) => virtualFunctions[Number(index)] ?? '')

for (const step of steps) {
  switch (step.do) {
    case 'bind':
      bindTo(
        step.driver,
        step.address.replace(/^@vf(\d)$/, (_, index) => virtualFunctions[Number(index)] ?? ''),
      )
      break
    case 'unbind':
      unbind(step.address)
      break
    case 'virtual-functions':
      virtualFunctions = createVirtualFunctions(step.of, step.count)
      break
    case 'reset-methods':
      setResetMethods(step.address, step.methods)
      break
    case 'mark':
      mark(step.number)
      break
    case 'run': {
      const [program = '', ...args] = step.line.map(resolve)
      const { status, stdout, stderr } = await run(program, args, step.user)
      const outcome: CommandOutcome = { name: step.name, status, stdout, stderr }
      report(outcome)
    }
  }
}
