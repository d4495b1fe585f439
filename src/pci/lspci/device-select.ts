import { pick } from './line.js'

/** DEVSEL timing, by the number in Status. */
export const deviceSelect = pick(['fast', 'medium', 'slow'], '??')
