import type { PeerCredentials } from '../../linux/unix-socket.js'

/** Which clients are let in, and when, for a device that shares something with others. */
export interface ClientGate {
  /** Something is under way that no client should meet. Settles when it is over. */
  readonly busy: Promise<void> | undefined
  /** A client has come: undefined where it is let in, else why it is not. */
  enter(peer: PeerCredentials): string | undefined
  /** It is gone, or waits, and the device is seen to: until `settled`, or `left`, no client should be let in to any of them. */
  hold(): void
  /** The device is fit for the client that waits. */
  settled(): void
  /** Nothing of the client is left. */
  left(): void
}
