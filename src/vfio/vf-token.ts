// The secret that the holder of a physical function shares with the holders of its virtual functions (VFIO's VF token).
import { QuiesceError } from '../errors/quiesce-error.js'
import { vfioConstant } from './abi/constants.js'
import { DeviceFeature } from './abi/vfio-structs.js'

const shape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The 16 bytes of a UUID, in the order in which they are written. @throws QuiesceError `USAGE` if it is none */
export function parseVfToken(text: string): Uint8Array {
  if (!shape.test(text)) {
    throw new QuiesceError('USAGE', `Cannot use ${JSON.stringify(text)} as a VF token: it is not a UUID`, {
      hint: 'Write it as in 00112233-4455-6677-8899-aabbccddeeff',
    })
  }
  const digits = text.replaceAll('-', '')
  return Uint8Array.from({ length: 16 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16))
}

/** The argument of VFIO_DEVICE_FEATURE that sets the token of a physical function. */
export function encodeVfToken(token: string): Uint8Array {
  const uuid = parseVfToken(token)
  const argsz = DeviceFeature.size + uuid.byteLength
  const flags = vfioConstant.VFIO_DEVICE_FEATURE_SET | vfioConstant.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
  const bytes = DeviceFeature.encode({ argsz, flags }, new Uint8Array(argsz))
  bytes.set(uuid, DeviceFeature.size)
  return bytes
}
