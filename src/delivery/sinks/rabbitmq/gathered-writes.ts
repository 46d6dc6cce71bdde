import type { Socket } from 'node:net';

/**
 * Has all that the client sends in one turn go out at once. It writes each message by itself, and without Nagle's algorithm,
 * which would let a lone message wait, each is a packet that wakes the broker.
 */
export class GatheredWrites {
  readonly #sockets: Iterable<Socket>;
  #isGathering = false;

  constructor(sockets: Iterable<Socket>) {
    this.#sockets = sockets;
  }

  /**
   * To be called behind a publication. The client has planned for the next tick to plan its writes then, as an immediate; this
   * comes right behind both.
   */
  gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    for (const socket of this.#sockets) socket.cork();
    process.nextTick(() => setImmediate(() => this.#release()));
  }

  #release(): void {
    this.#isGathering = false;
    for (const socket of this.#sockets) socket.uncork();
  }
}
