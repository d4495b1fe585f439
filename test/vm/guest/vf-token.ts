// In the guest: the secret that the holder of a physical function shares with those of its virtual functions. Argument:
// the backend.
import { readlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import { addressOf } from './addresses.js'
import { bindToVfio, sysfsFolder } from './binding.js'
import { report } from './report.js'
import { failure, failureOf } from './vfio-steps.js'

const token = '00112233-4455-6677-8899-aabbccddeeff'
const wrong = 'ffeeddcc-bbaa-9988-7766-554433221100'

const backend = process.argv[2] === 'cdev' ? 'cdev' : 'group'
const address = addressOf('igb')
bindToVfio(address)
using ownership = new VfioOwnership({ backend })
using physical = await ownership.open(address)
writeFileSync('/sys/module/vfio_pci/parameters/enable_sriov', 'Y')
writeFileSync(`${sysfsFolder(address)}/sriov_numvfs`, '1')
physical.setVfToken(token)
const virtual = basename(readlinkSync(`${sysfsFolder(address)}/virtfn0`))
// The kernel gives the virtual functions to vfio-pci by itself, where that holds the physical one.
const without = await failureOf(ownership.open(virtual))
const mistaken = await failureOf(ownership.open(virtual, { vfToken: wrong }))
const malformed = await failureOf(ownership.open(virtual, { vfToken: 'secret' }))
using fn = await ownership.open(virtual, { vfToken: token })
report({
  without,
  mistaken,
  malformed,
  opened: { backend: fn.backend, isVirtualFunction: fn.isVirtualFunction, reset: await fn.reset() },
  ofItsOwn: failure(() => fn.setVfToken(token)),
})
