// `domain:bus:device.function` in hex, as Linux writes it. Domains above 0xffff exist (Intel VMD: `10000:e1:00.0`).

const pattern = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([01]?[0-9a-f])\.([0-7])$/i

/** The full form of an address (`03:00.0` becomes `0000:03:00.0`), or `undefined` where the text is none. */
export function normalizeAddress(text: string): string | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, domain = '0', bus = '', device = '', fn = ''] = match
  const full = `${domain.replace(/^0+(?=.)/, '').padStart(4, '0')}:${bus.padStart(2, '0')}:${device.padStart(2, '0')}.${fn}`
  return full.toLowerCase()
}

/** Orders addresses by number: domain, bus, device, function. */
export function compareAddresses(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b))
}
