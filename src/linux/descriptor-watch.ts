// Descriptors that the event loop watches.
import koffi from 'koffi'

export interface DescriptorWatch {
  /** Stops watching; the descriptor stays open. Close the watch first: its number may mean another file afterwards. */
  close(): void
}

/** Those that are not closed: koffi stops watching, without a word, when its handle is garbage. */
const watches = new Set<DescriptorWatch>()

/** Calls back from the event loop whenever the descriptor can be read (or written), until it is closed. Level-triggered. */
export function watchDescriptor(
  fd: number,
  what: { readonly readable?: boolean; readonly writable?: boolean },
  callback: () => void,
): DescriptorWatch {
  const handle = koffi.node.poll(fd, what, callback)
  const watch: DescriptorWatch = {
    close() {
      watches.delete(watch)
      handle.close()
    },
  }
  watches.add(watch)
  return watch
}
