import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { commandName, commandNames, commands, definitionOf } from '../../../../src/vfio-user/messages/commands.js'

/** The specification's numbers, and the bytes of the shortest request and of the shortest reply. */
const specified: readonly (readonly [string, number, number, number])[] = [
  ['VERSION', 1, 4, 4],
  ['DMA_MAP', 2, 32, 0],
  ['DMA_UNMAP', 3, 24, 24],
  ['DEVICE_GET_INFO', 4, 16, 16],
  ['DEVICE_GET_REGION_INFO', 5, 32, 32],
  ['DEVICE_GET_REGION_IO_FDS', 6, 16, 16],
  ['DEVICE_GET_IRQ_INFO', 7, 16, 16],
  ['DEVICE_SET_IRQS', 8, 20, 0],
  ['REGION_READ', 9, 16, 16],
  ['REGION_WRITE', 10, 16, 16],
  ['DMA_READ', 11, 16, 16],
  ['DMA_WRITE', 12, 16, 16],
  ['DEVICE_RESET', 13, 0, 0],
  ['REGION_WRITE_MULTI', 15, 8, 8],
  ['DEVICE_FEATURE', 16, 8, 8],
  ['MIG_DATA_READ', 17, 8, 8],
  ['MIG_DATA_WRITE', 18, 8, 0],
]

describe('the table of commands', () => {
  it('has the numbers and payload sizes of the specification', () => {
    const ours = commandNames.map((name) => {
      const { id, request, reply } = definitionOf(name)
      return [name, id, request.minLength, reply.minLength]
    })
    assert.deepEqual(ours, specified)
  })

  it('lets the server send DMA_READ and DMA_WRITE, and the client everything else', () => {
    const ofServer = commandNames.filter((name) => commands[name].sender === 'server')
    assert.deepEqual(ofServer, ['DMA_READ', 'DMA_WRITE'])
  })

  it('asks for an agreement for REGION_WRITE_MULTI only', () => {
    assert.deepEqual(
      commandNames.filter((name) => definitionOf(name).needs !== undefined),
      ['REGION_WRITE_MULTI'],
    )
  })

  it('has no command 14', () => {
    assert.equal(commandName(14), undefined)
  })
})
