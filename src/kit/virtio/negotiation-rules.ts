// What driver and device may agree upon (Virtual I/O Device 1.2: 2.2, 2.7, 6).
import { featureBit } from './common-config.js'
import type { VirtioDeclaration } from './virtio-device.js'

export function offeredFeatures({ features = 0n }: VirtioDeclaration): bigint {
  return features | (1n << featureBit.version1) | (1n << featureBit.indirectDescriptors) | (1n << featureBit.eventIndex)
}

export function isAcceptable(accepted: bigint, offered: bigint): boolean {
  return (accepted & ~offered) === 0n && ((accepted >> featureBit.version1) & 1n) === 1n
}

export function isQueueSize(value: number, most: number): boolean {
  return value > 0 && value <= most && (value & (value - 1)) === 0
}
