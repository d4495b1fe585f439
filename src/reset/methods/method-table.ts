import type { ResetMethod } from '../policy.js'
import { hotMethod } from './hot.js'
import type { Method } from './method.js'
import { pmMethod } from './pm.js'
import { vfioMethod } from './vfio.js'

export const methodTable: Readonly<Record<ResetMethod, Method>> = { vfio: vfioMethod, hot: hotMethod, pm: pmMethod }
