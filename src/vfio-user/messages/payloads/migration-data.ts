// MIG_DATA_READ and MIG_DATA_WRITE: the stream of the device's state. A read of less than was asked for is its end; the
// reference then leaves the reply as long as the request asked, so bytes beyond `size` mean nothing.
import { payload, type Rule } from '../payload.js'
import { Problem } from '../problem.js'
import { MigrationData } from '../structs.js'
import { leadingBytes } from '../tails.js'

const sizeWithinTransfer: Rule<{ size: number }> = ({ size }, { limits }) =>
  size <= limits.maxDataTransfer
    ? undefined
    : new Problem('count', `size is ${size}, at most ${limits.maxDataTransfer}`)

const argszCovers: Rule<{ argsz: number; size: number }> = ({ argsz, size }) =>
  argsz >= MigrationData.size + size ? undefined : new Problem('argsz', `argsz is ${argsz}, for ${size} bytes`)

const rules = [sizeWithinTransfer, argszCovers]

export const migrationAsked = payload(MigrationData, { rules })
export const migrationBytes = payload(MigrationData, { rules, tail: leadingBytes('size') })
