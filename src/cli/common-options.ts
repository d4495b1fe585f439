import { statSync } from 'node:fs'
import { QuiesceError } from '../errors/quiesce-error.js'
import { flag, value } from './command.js'
import { oneOf } from './option-values.js'

export const jsonOption = flag('--json', 'print JSON for programs instead of a table for people')

export const sysrootOption = value('--sysroot <dir>', 'look for sys/ and dev/ below this directory', (text) => {
  if (!statSync(`${text}/sys`, { throwIfNoEntry: false })?.isDirectory()) {
    throw new QuiesceError('USAGE', `Cannot use --sysroot ${text}: it has no directory sys`, {
      hint: 'Name a directory that holds a copy of /sys',
    })
  }
  return text
})

const backends = ['auto', 'group', 'cdev'] as const
export type Backend = (typeof backends)[number]

export const backendOption = value(
  '--backend <way>',
  'how to open the device: group, cdev (iommufd), or auto (default): cdev where the kernel offers it',
  oneOf('--backend', backends),
)
