// Every command of the protocol, as data: who sends it, what travels each way, and what a reply repeats of its request.
// vfio-user specification, "Commands". The codec, the replies' matching and the tests read this table.

import { noPayload, type Payload } from './payload.js'
import { dmaAccess, dmaData, regionAccess, regionData } from './payloads/access.js'
import { deviceFeatureReply, deviceFeatureRequest } from './payloads/device-feature.js'
import { dmaMapRequest } from './payloads/dma-map.js'
import { dmaUnmapReply, dmaUnmapRequest } from './payloads/dma-unmap.js'
import { deviceInfo, irqInfo } from './payloads/info.js'
import { migrationAsked, migrationBytes } from './payloads/migration-data.js'
import { regionInfoReply, regionInfoRequest } from './payloads/region-info.js'
import { regionIoFdsReply, regionIoFdsRequest } from './payloads/region-io-fds.js'
import { setIrqsRequest } from './payloads/set-irqs.js'
import { versionReply, versionRequest } from './payloads/version.js'
import { writeMultiReply, writeMultiRequest } from './payloads/write-multi.js'

export type Side = 'client' | 'server'

export interface CommandDefinition<Q, A> {
  /** The number in the header. */
  readonly id: number
  /** Who asks. */
  readonly sender: Side
  /** The capability that both sides must have agreed on. */
  readonly needs?: 'writeMultiple'
  readonly request: Payload<Q>
  readonly reply: Payload<A>
  /** Fields of the reply that are those of the request. */
  readonly same: readonly (keyof Q & keyof A & string)[]
  /** Fields of the reply that are at most those of the request. */
  readonly atMost: readonly (keyof Q & keyof A & string)[]
  /** The reply fits into the request's `argsz`. */
  readonly withinArgsz: boolean
}

function command<Q, A>(
  id: number,
  sender: Side,
  request: Payload<Q>,
  reply: Payload<A>,
  details: Partial<Pick<CommandDefinition<Q, A>, 'needs' | 'same' | 'atMost' | 'withinArgsz'>> = {},
): CommandDefinition<Q, A> {
  return { id, sender, request, reply, same: [], atMost: [], withinArgsz: false, ...details }
}

const access = { same: ['offset', 'region'], atMost: ['count'] } as const
const memoryAccess = { same: ['address'], atMost: ['count'] } as const

export const commands = {
  VERSION: command(1, 'client', versionRequest, versionReply, { same: ['major'], atMost: ['minor'] }),
  DMA_MAP: command(2, 'client', dmaMapRequest, noPayload),
  DMA_UNMAP: command(3, 'client', dmaUnmapRequest, dmaUnmapReply, {
    same: ['flags', 'address', 'size'],
    withinArgsz: true,
  }),
  DEVICE_GET_INFO: command(4, 'client', deviceInfo, deviceInfo, { withinArgsz: true }),
  DEVICE_GET_REGION_INFO: command(5, 'client', regionInfoRequest, regionInfoReply, {
    same: ['index'],
    withinArgsz: true,
  }),
  DEVICE_GET_REGION_IO_FDS: command(6, 'client', regionIoFdsRequest, regionIoFdsReply, {
    same: ['index'],
    withinArgsz: true,
  }),
  DEVICE_GET_IRQ_INFO: command(7, 'client', irqInfo, irqInfo, { same: ['index'], withinArgsz: true }),
  DEVICE_SET_IRQS: command(8, 'client', setIrqsRequest, noPayload),
  REGION_READ: command(9, 'client', regionAccess, regionData, access),
  REGION_WRITE: command(10, 'client', regionData, regionAccess, access),
  DMA_READ: command(11, 'server', dmaAccess, dmaData, memoryAccess),
  DMA_WRITE: command(12, 'server', dmaData, dmaAccess, memoryAccess),
  DEVICE_RESET: command(13, 'client', noPayload, noPayload),
  REGION_WRITE_MULTI: command(15, 'client', writeMultiRequest, writeMultiReply, {
    needs: 'writeMultiple',
    atMost: ['wr_cnt'],
  }),
  DEVICE_FEATURE: command(16, 'client', deviceFeatureRequest, deviceFeatureReply, {
    same: ['flags'],
    withinArgsz: true,
  }),
  MIG_DATA_READ: command(17, 'client', migrationAsked, migrationBytes, { atMost: ['size'] }),
  MIG_DATA_WRITE: command(18, 'client', migrationBytes, noPayload),
} as const

export type CommandName = keyof typeof commands

type PayloadValue<P> = P extends Payload<infer V> ? V : never

export type RequestPayload<N extends CommandName> = PayloadValue<(typeof commands)[N]['request']>
export type ReplyPayload<N extends CommandName> = PayloadValue<(typeof commands)[N]['reply']>

export const commandNames = Object.keys(commands) as readonly CommandName[]

const nameById: ReadonlyMap<number, CommandName> = new Map(commandNames.map((name) => [commands[name].id, name]))

/** The command of a number in a header; `undefined` where there is none. */
export function commandName(id: number): CommandName | undefined {
  return nameById.get(id)
}

/** The definition, for code that treats all commands alike. */
export function definitionOf(name: CommandName): CommandDefinition<object, object> {
  // Which payload belongs to which command is lost here on purpose; RequestPayload and ReplyPayload keep it.
  return commands[name] as unknown as CommandDefinition<object, object>
}
