import type { CommandHandler } from './enabled-controller.js'
import { adminOpcode, status } from './entries.js'
import { getFeatures, setFeatures } from './features.js'
import { identify } from './identify.js'
import { getLogPage } from './log-pages.js'
import {
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
} from './queue-commands.js'

/** Every command is answered soon, so none is aborted: bit 0 of the answer says so (5.1). */
const abort: CommandHandler = () => ({ status: status.success, result: 1 })

const asyncEventRequest: CommandHandler = (controller, command) =>
  controller.keepEventRequest(command) ? Promise.resolve('kept') : { status: status.asyncEventLimit }

/** By opcode. */
export const adminCommands: ReadonlyMap<number, CommandHandler> = new Map([
  [adminOpcode.deleteSubmissionQueue, deleteSubmissionQueue],
  [adminOpcode.createSubmissionQueue, createSubmissionQueue],
  [adminOpcode.getLogPage, getLogPage],
  [adminOpcode.deleteCompletionQueue, deleteCompletionQueue],
  [adminOpcode.createCompletionQueue, createCompletionQueue],
  [adminOpcode.identify, identify],
  [adminOpcode.abort, abort],
  [adminOpcode.setFeatures, setFeatures],
  [adminOpcode.getFeatures, getFeatures],
  [adminOpcode.asyncEventRequest, asyncEventRequest],
])
