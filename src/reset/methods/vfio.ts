import { callKernel, type Method } from './method.js'

/** `VFIO_DEVICE_RESET`: the kernel's own ladder for this one function (FLR, AF FLR, PM, bus). */
export const vfioMethod: Method = {
  name: 'vfio',
  whyNot: ({ fn }) => (fn.canReset ? undefined : 'device has no reset (VFIO_DEVICE_FLAGS_RESET is clear)'),
  run: (context) => callKernel(context, () => context.fn.reset()),
}
