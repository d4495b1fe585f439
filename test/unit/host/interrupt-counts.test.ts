import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseInterruptCounts, readInterruptCounts } from '../../../src/host/interrupt-counts.js'

const text = `           CPU0       CPU1
  0:         42          0   IO-APIC   2-edge      timer
 16:          3          4   IO-APIC  16-fasteoi   i801_smbus, vfio-intx(0000:00:04.0)
 24:          0          0  PCI-MSI-0000:00:02.0    0-edge      pciehp
 25:         10    1000000  PCI-MSI-0000:01:00.0    0-edge      vfio-msi[0](0000:01:00.0)
 26:          1          0  PCI-MSIX-0000:02:00.0   3-edge      vfio-msix[3](0000:02:00.0)
 27:          5          5  PCI-MSI-0001:01:00.0    0-edge      vfio-msi[0](10001:01:00.0)
NMI:          0          0   Non-maskable interrupts
ERR:          0
`

describe('the counts of interrupts', () => {
  it('are those of VFIO, of all processors together, by device', () => {
    assert.deepEqual(parseInterruptCounts(text), [
      { number: 16, count: 7, devices: ['0000:00:04.0'] },
      { number: 25, count: 1000010, devices: ['0000:01:00.0'] },
      { number: 26, count: 1, devices: ['0000:02:00.0'] },
      { number: 27, count: 10, devices: ['10001:01:00.0'] },
    ])
  })

  it('are none where there is nothing to read, or something else', () => {
    assert.deepEqual(readInterruptCounts('/no/such/file'), [])
    assert.deepEqual(parseInterruptCounts(''), [])
    assert.deepEqual(parseInterruptCounts('25: vfio-msi[0](0000:01:00.0)\nvfio-msi[0](0000:01:00.0)'), [])
  })
})
