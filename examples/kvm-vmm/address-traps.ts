// Which accesses of the guest somebody answers: memory and ports.
import type { AccessHandler, AddressSpace } from '../../src/device/vmm.js'

interface Trap {
  readonly space: AddressSpace
  readonly address: bigint
  readonly size: bigint
  readonly handler: AccessHandler
}

export class AddressTraps {
  readonly #traps = new Set<Trap>()

  add(space: AddressSpace, address: bigint, size: bigint, handler: AccessHandler): Disposable {
    const trap = { space, address, size, handler }
    this.#traps.add(trap)
    return {
      [Symbol.dispose]: () => {
        this.#traps.delete(trap)
      },
    }
  }

  /** Fills `into`; all ones where nobody answers. */
  read(space: AddressSpace, address: bigint, into: Uint8Array): void {
    into.fill(0xff)
    const trap = this.#find(space, address, into.length)
    trap?.handler.read(address - trap.address, into)
  }

  write(space: AddressSpace, address: bigint, from: Uint8Array): void {
    const trap = this.#find(space, address, from.length)
    trap?.handler.write(address - trap.address, from)
  }

  #find(space: AddressSpace, address: bigint, length: number): Trap | undefined {
    const end = address + BigInt(length)
    return [...this.#traps].find(
      (trap) => trap.space === space && address >= trap.address && end <= trap.address + trap.size,
    )
  }
}
