// Ends as it is told to, for the tests of the VM itself.
import { writeFileSync } from 'node:fs'
import { report } from './report.js'

const [how, status] = process.argv.slice(2)
report(process.argv.slice(2))
if (how === 'hang') setInterval(() => {}, 1000)
else if (how === 'die') writeFileSync('/proc/sysrq-trigger', 'b')
else process.exit(Number(status))
