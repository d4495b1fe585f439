// How an error reaches the user: words on standard error, and for programs an object on standard output.
import { QuiesceError } from '../errors/quiesce-error.js'
import { type ExitStatus, exitStatus, statusOfError } from './exit-status.js'
import type { Terminal } from './terminal.js'

/** Several devices failed, or one failed and others could not be closed: each has its own error, the first counts. */
export class SeveralErrors extends Error {
  override readonly name = 'SeveralErrors'
  readonly errors: readonly unknown[]

  constructor(errors: readonly unknown[]) {
    super(errors.map((error) => (error instanceof Error ? error.message : String(error))).join('; '))
    this.errors = errors
  }
}

export function errorToJson(error: QuiesceError): Record<string, unknown> {
  return {
    schema: 'quiesce.error/1',
    code: error.code,
    message: error.message,
    device: error.device ?? null,
    syscall: error.syscall ?? null,
    errno: error.errnoName ?? null,
    hint: error.hint ?? null,
  }
}

/** As an object, too; `lines`: on one line, as of a stream. */
export type ErrorAsJson = boolean | 'lines'

/** Reports what was thrown and returns the status to exit with. */
export function reportError(thrown: unknown, terminal: Terminal, json: ErrorAsJson): ExitStatus {
  const errors = asQuiesceErrors(thrown)
  for (const error of errors) {
    terminal.note(`${terminal.notePaint('red', 'quiesce:')} ${error.message}`)
    if (error.hint !== undefined) terminal.note(`  hint: ${error.hint}`)
    if (process.env['QUIESCE_DEBUG'] !== undefined) terminal.note(String(error.stack))
  }
  const objects = errors.map(errorToJson)
  if (json === true) terminal.print(JSON.stringify(objects.length === 1 ? objects[0] : objects, null, 2))
  if (json === 'lines') for (const each of objects) terminal.print(JSON.stringify(each))
  const [first] = errors
  return first === undefined ? exitStatus.failed : statusOfError[first.code]
}

function asQuiesceErrors(thrown: unknown): readonly QuiesceError[] {
  if (thrown instanceof SeveralErrors) return thrown.errors.flatMap(asQuiesceErrors)
  // What `using` makes of a failure while another is on its way: `suppressed` came first.
  if (thrown instanceof Error && thrown.name === 'SuppressedError' && 'suppressed' in thrown && 'error' in thrown) {
    return [thrown.suppressed, thrown.error].flatMap(asQuiesceErrors)
  }
  if (thrown instanceof QuiesceError) return [thrown]
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return [
    new QuiesceError('SYSTEM', `Cannot go on: ${message}`, {
      hint: 'This is a defect of Quiesce; please report it with the output of the same command under QUIESCE_DEBUG=1',
      cause: thrown,
    }),
  ]
}
