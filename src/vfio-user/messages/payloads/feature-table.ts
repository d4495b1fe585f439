// The device features of <linux/vfio.h> that vfio-user carries: migration v2 and the log of dirty pages.
import { type Struct, type StructFields, struct } from '../../../bits/struct.js'

export const MigrationFeature = struct('vfio_user_device_feature_migration', { flags: 'u64' })

/** `data_fd` is not used: the data goes by MIG_DATA_READ and MIG_DATA_WRITE. */
export const MigrationState = struct('vfio_user_device_feature_mig_state', { device_state: 'u32', data_fd: 'u32' })

/** Followed by `num_ranges` times `vfio_user_device_feature_dma_logging_range`. */
export const LoggingControl = struct('vfio_user_device_feature_dma_logging_control', {
  page_size: 'u64',
  num_ranges: 'u32',
  reserved: 'u32',
})

export const LoggingRange = struct('vfio_user_device_feature_dma_logging_range', { iova: 'u64', length: 'u64' })

/** In the reply, followed by the bitmap: `dirtyBitmapBytes` long. */
export const LoggingReport = struct('vfio_user_device_feature_dma_logging_report', {
  iova: 'u64',
  length: 'u64',
  page_size: 'u64',
})

export interface FeatureDefinition {
  readonly index: number
  /** With what data it is read, and with what data it answers: at least these. */
  readonly get?: { readonly request?: Struct<StructFields>; readonly reply: Struct<StructFields> }
  /** With what data it is set. */
  readonly set?: { readonly request?: Struct<StructFields> }
}

export const deviceFeatures = {
  MIGRATION: { index: 1, get: { reply: MigrationFeature } },
  MIG_DEVICE_STATE: { index: 2, get: { reply: MigrationState }, set: { request: MigrationState } },
  DMA_LOGGING_START: { index: 6, set: { request: LoggingControl } },
  DMA_LOGGING_STOP: { index: 7, set: {} },
  DMA_LOGGING_REPORT: { index: 8, get: { request: LoggingReport, reply: LoggingReport } },
} as const satisfies Record<string, FeatureDefinition>

export const featureByIndex: ReadonlyMap<number, FeatureDefinition> = new Map(
  Object.values(deviceFeatures).map((feature) => [feature.index, feature]),
)

/** The bytes of the bitmap of `length` bytes in pages: one bit each, in whole words of 64. */
export function dirtyBitmapBytes(length: bigint, pageSize: bigint): bigint {
  const pages = (length + pageSize - 1n) / pageSize
  return ((pages + 63n) / 64n) * 8n
}
