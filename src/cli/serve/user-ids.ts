// Users by name or number.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { QuiesceError } from '../../errors/quiesce-error.js'

/** (uid_t) -1 means nobody at all. */
const highest = 0xffff_fffe

/** @throws QuiesceError `USAGE` for one that there is not */
export function userIds(users: readonly string[], readPasswords = readUsers): readonly number[] {
  return [...new Set(users.map((user) => userId(user, readPasswords)))]
}

function userId(user: string, read: typeof readUsers): number {
  const id = /^\d+$/.test(user) ? Number(user) : idIn(read(user), user)
  if (id !== undefined && id <= highest) return id
  throw new QuiesceError('USAGE', `Cannot allow user ${JSON.stringify(user)}: there is no such user`, {
    hint: 'Give a name that `getent passwd` knows, or a number',
  })
}

/** Lines of passwd(5): name, password, number, and more. */
function idIn(lines: string, user: string): number | undefined {
  for (const line of lines.split('\n')) {
    const [name, , id = ''] = line.split(':')
    if (name === user && /^\d+$/.test(id)) return Number(id)
  }
  return undefined
}

/** The users of this machine, then one that only a directory service knows. */
function readUsers(user: string): string {
  const here = readFileSync('/etc/passwd', 'utf8')
  if (user === '' || idIn(here, user) !== undefined) return here
  return spawnSync('getent', ['passwd', '--', user], { encoding: 'utf8' }).stdout ?? ''
}
