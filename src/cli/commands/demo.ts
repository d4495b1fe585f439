import { defineCommand } from '../command.js'
import { jsonOption } from '../common-options.js'

export const demoCommand = defineCommand({
  name: 'demo',
  summary: 'the whole story on simulated devices: no hardware, no root, no network',
  description: `Plays, on simulated devices, what happens to memory when a virtual machine resets while its device writes into it:
without the quiesce and with it, then one device for each way to reset and for each verdict. Takes a second or two.`,
  options: { json: jsonOption },
  examples: [
    { line: 'quiesce demo', what: 'the same as npm start' },
    { line: 'quiesce demo --json', what: 'the reports and what truly landed, for programs' },
  ],
  run: async (...call) => (await import('./run-demo.js')).runDemo(...call),
})
