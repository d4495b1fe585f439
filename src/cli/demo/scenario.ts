// What the demonstration plays: each scene is one simulated device in the middle of a DMA when its VM resets.
import type { ResetPolicy } from '../../reset/policy.js'
import type { Verdict } from '../../reset/report.js'

export interface Scenario {
  readonly id: string
  readonly title: string
  /** What to look at, in a sentence or two. */
  readonly lesson: string
  /** The simulated function that is reset. */
  readonly device: string
  /** Others of the same owner on the same bus. */
  readonly companions?: readonly string[]
  readonly policy?: Partial<ResetPolicy>
  /** Leaves the quiesce out, as others do. */
  readonly withoutQuiesce?: boolean
  readonly expected: Verdict
}

/** The story that the project exists for: the same device, without and with. */
export const story: readonly Scenario[] = [
  {
    id: 'without-quiesce',
    title: 'Without the quiesce',
    lesson:
      'The device has no reset that would work (VFIO_DEVICE_RESET is EINVAL), and nobody stops its DMA. The VM starts anew, its memory belongs to somebody else, and the device goes on writing into it.',
    device: 'sim:no-reset',
    withoutQuiesce: true,
    expected: 'lost',
  },
  {
    id: 'with-quiesce',
    title: 'With the quiesce',
    lesson:
      'The same device. Bus Master Enable, Memory Space and I/O Space in its Command register are cleared before anything else, and read back. There is still no reset, but nothing lands any more.',
    device: 'sim:no-reset',
    expected: 'quiesced',
  },
]

/** One device for each rung of the ladder, then one for each verdict that is left. */
export const gallery: readonly Scenario[] = [
  {
    id: 'rung-vfio',
    title: 'First rung: vfio',
    lesson: 'The kernel resets the device (VFIO_DEVICE_RESET, here a Function Level Reset) after it was quiesced.',
    device: 'sim:flr',
    expected: 'clean',
  },
  {
    id: 'rung-hot',
    title: 'Second rung: hot',
    lesson: 'Two functions on one bus have no reset of their own. The whole bus is reset, because both are ours.',
    device: 'sim:siblings.0',
    companions: ['sim:siblings.1'],
    expected: 'clean',
  },
  {
    id: 'rung-pm',
    title: 'Third rung: pm',
    lesson: 'No other reset works. The device is sent to D3hot and back to D0, which resets it as its NoSoftRst is 0.',
    device: 'sim:pm-reset',
    expected: 'clean',
  },
  {
    id: 'verdict-contained',
    title: 'Contained',
    lesson: 'Bus Master cannot be cleared, so the IOMMU takes all memory away from the device: it writes into nothing.',
    device: 'sim:stuck-master',
    expected: 'contained',
  },
  {
    id: 'verdict-lost',
    title: 'Lost',
    lesson:
      'Here the IOMMU refuses too. Nothing can stop this device, and the report says so: do not reuse the memory.',
    device: 'sim:lost',
    expected: 'lost',
  },
]
