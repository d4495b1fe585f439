import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../../src/errors/quiesce-error.js'
import { KvmVm } from '../../../../src/linux/kvm/kvm-vm.js'

function refusal(path: string): QuiesceError {
  try {
    new KvmVm(path)[Symbol.dispose]()
  } catch (error) {
    assert.ok(error instanceof QuiesceError)
    return error
  }
  throw new Error('it was created')
}

describe('a virtual machine of KVM', () => {
  it('a machine without KVM is told so, and what to do', () => {
    const error = refusal('/dev/no-such-kvm')
    assert.equal(error.code, 'UNSUPPORTED')
    assert.equal(error.message, 'Cannot create a virtual machine: there is no /dev/no-such-kvm')
    assert.match(error.hint ?? '', /kvm_intel or kvm_amd/)
  })

  it('a file that is not KVM is refused, and closed', () => {
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    const error = refusal('/dev/null')
    assert.equal(error.errnoName, 'ENOTTY')
    assert.match(error.message, /^Cannot ask KVM for its version: ioctl\(KVM_GET_API_VERSION\) failed with ENOTTY/)
    assert.equal(open(), before)
  })
})
