import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runExample } from './run-example.js'

describe('the example driver of edu', () => {
  it('says how it is called', () => {
    const { status, stderr } = runExample('edu-driver')
    assert.equal(status, 2)
    assert.match(stderr, /^Usage: .*<address of an edu device>\n$/)
  })

  it('says what is wrong with an address, in a line and without a stack', () => {
    const { status, stderr } = runExample('edu-driver', '0000:ff:1f.7')
    assert.equal(status, 1)
    assert.match(stderr, /^Cannot open 0000:ff:1f\.7: /)
    assert.doesNotMatch(stderr, /\n\s+at /)
  })
})

describe('the example VMM on KVM', () => {
  it('says how it is called', () => {
    const { status, stderr } = runExample('kvm-vmm')
    assert.equal(status, 2)
    assert.match(stderr, /^Usage: .*<address of an edu device>\n$/)
  })
})
