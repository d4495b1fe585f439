// The words that lspci has for the encodings of the PCI Express capability (PCIe 6.0 section 7.5.3).

export const l0sLatencies = ['<64ns', '<128ns', '<256ns', '<512ns', '<1us', '<2us', '<4us', 'unlimited']
export const l1Latencies = ['<1us', '<2us', '<4us', '<8us', '<16us', '<32us', '<64us', 'unlimited']

/** From 1; 0 and what is above are unknown. */
export const linkSpeeds: Readonly<Record<number, string>> = {
  1: '2.5GT/s',
  2: '5GT/s',
  3: '8GT/s',
  4: '16GT/s',
  5: '32GT/s',
  6: '64GT/s',
}

export const aspmSupport = ['not supported', 'L0s', 'L1', 'L0s L1']
export const aspmControl = ['Disabled', 'L0s Enabled', 'L1 Enabled', 'L0s L1 Enabled']
export const indicators = ['Unknown', 'On', 'Blink', 'Off']

export const timeoutRanges: Readonly<Record<number, string>> = {
  0: 'Not Supported',
  1: 'Range A',
  2: 'Range B',
  3: 'Range AB',
  6: 'Range BC',
  7: 'Range ABC',
  14: 'Range BCD',
  15: 'Range ABCD',
}

export const timeouts: Readonly<Record<number, string>> = {
  0: '50us to 50ms',
  1: '50us to 100us',
  2: '1ms to 10ms',
  5: '16ms to 55ms',
  6: '65ms to 210ms',
  9: '260ms to 900ms',
  10: '1s to 3.5s',
  13: '4s to 13s',
  14: '17s to 64s',
}

export const obffSupport = ['Not Supported', 'Via message', 'Via WAKE#', 'Via message/WAKE#']
export const obffControl = ['Disabled', 'Via message A', 'Via message B', 'Via WAKE#']
export const emergencyPower = ['Not Supported', 'Dev Specific', 'Form Factor Dev Specific', 'Reserved']
export const cacheLines = ['Not Supported', '64byte cachelines', '128byte cachelines', 'Reserved']
export const tphCompleter = ['TPHComp- ExtTPHComp-', 'TPHComp+ ExtTPHComp-', '', 'TPHComp+ ExtTPHComp+']
export const deemphasis = ['-6dB', '-3.5dB']

const swing = '200-400mV(full-swing)/100-200mV(half-swing)'
export const transmitMargins = [
  'Normal Operating Range',
  '800-1200mV(full-swing)/400-700mV(half-swing)',
  swing,
  swing,
  swing,
  swing,
]

/** De-emphasis and preshoot in dB by compliance preset. */
const presets = [
  ['-6', '0'],
  ['-3.5', '0'],
  ['-4.4', '0'],
  ['-2.5', '0'],
  ['0', '0'],
  ['0', '1.9'],
  ['0', '2.5'],
  ['-6.0', '3.5'],
  ['-3.5', '3.5'],
  ['0', '3.5'],
] as const
export const compliancePresets = presets.map(([down, up]) => `${down}dB de-emphasis, ${up}dB preshoot`)

export const crosslinks = ['unsupported', 'Upstream Port', 'Downstream Port', 'incomplete']

export const components: Readonly<Record<number, string>> = {
  0: 'Link Down - Not Determined',
  1: 'Link Down - Not Present',
  2: 'Link Down - Present',
  4: 'Link Up - Present',
  5: 'Link Up - Present and DRS Received',
}

/** By the highest bit of the Supported Link Speeds Vector; bit 0 is 2.5 GT/s. */
export function supportedSpeeds(vector: number): string {
  if ((vector & 0x40) !== 0) return 'RsvdP'
  const highest = 32 - Math.clz32(vector)
  if (highest === 0) return 'Unknown'
  return highest === 1 ? '2.5GT/s' : `2.5-${linkSpeeds[highest]}`
}
