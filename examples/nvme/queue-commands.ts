// Creating and deleting queues (NVM Express Base 1.4: 5.3 to 5.6).
import type { CommandHandler } from './enabled-controller.js'
import { type Command, done, type Outcome, pageSize, status } from './entries.js'
import { limits } from './limits.js'
import { CompletionQueue, type QueuePlace, SubmissionQueue } from './queues.js'

const refused = (code: Outcome['status']): Outcome => ({ status: code })

/** Where the host wants a queue, or what is wrong with that. */
function placeOf(command: Command, taken: ReadonlyMap<number, unknown>, most: number): QueuePlace | Outcome {
  const id = command.dword10 & 0xffff
  const entries = (command.dword10 >>> 16) + 1
  if (id === 0 || id > most || taken.has(id)) return refused(status.invalidQueueId)
  if (entries < 2 || entries > limits.queueEntries) return refused(status.invalidQueueSize)
  // CAP.CQR: queues are contiguous.
  if ((command.dword11 & 1) === 0) return refused(status.invalidField)
  if (command.prp1 % BigInt(pageSize) !== 0n) return refused(status.invalidPrpOffset)
  return { id, address: command.prp1, entries }
}

export const createCompletionQueue: CommandHandler = ({ completions, features }, command) => {
  const place = placeOf(command, completions, features.queues.completion)
  if ('status' in place) return place
  const vector = command.dword11 >>> 16
  if (vector >= limits.vectors) return refused(status.invalidInterruptVector)
  const wantsInterrupts = (command.dword11 & 2) !== 0
  completions.set(place.id, new CompletionQueue(place, wantsInterrupts ? vector : undefined))
  return done
}

export const createSubmissionQueue: CommandHandler = ({ submissions, completions, features }, command) => {
  const place = placeOf(command, submissions, features.queues.submission)
  if ('status' in place) return place
  const answersGoTo = command.dword11 >>> 16
  if (answersGoTo === 0) return refused(status.invalidQueueId)
  const queue = completions.get(answersGoTo)
  if (queue === undefined) return refused(status.completionQueueInvalid)
  submissions.set(place.id, new SubmissionQueue(place, queue))
  return done
}

export const deleteSubmissionQueue: CommandHandler = async (controller, { dword10 }) => {
  const id = dword10 & 0xffff
  const queue = id === 0 ? undefined : controller.submissions.get(id)
  if (queue === undefined || queue.isDeleted) return refused(status.invalidQueueId)
  await controller.deleteSubmission(queue)
  return done
}

export const deleteCompletionQueue: CommandHandler = ({ submissions, completions }, { dword10 }) => {
  const id = dword10 & 0xffff
  const queue = id === 0 ? undefined : completions.get(id)
  if (queue === undefined) return refused(status.invalidQueueId)
  if ([...submissions.values()].some((each) => each.completions === queue)) {
    return refused(status.invalidQueueDeletion)
  }
  completions.delete(id)
  return done
}
