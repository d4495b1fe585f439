// A guest of the guest boots on KVM and takes commands.
import { startNestedGuest } from './nested.js'
import { report } from './report.js'

const started = performance.now()
await using guest = await startNestedGuest()
report({
  bootMs: Math.round(performance.now() - started),
  processor: await guest.expect('grep -c svm /proc/cpuinfo || true'),
  kernel: (await guest.expect('uname -sr')).trim(),
  accelerator: await guest.qmp('query-kvm'),
  status: await guest.powerOff(),
})
