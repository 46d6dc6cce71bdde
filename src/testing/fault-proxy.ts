import assert from 'node:assert/strict';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Looks at bytes that pass. It sees the end of the chunk before as well, so that a cut between two chunks hides nothing. */
export type ByteMatch = (bytes: Buffer) => boolean;

/** The server behind a proxy. */
export interface FaultProxyOptions {
  readonly host: string;
  readonly port: number;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

interface Trap {
  /** The request that arms the trap; absent: armed at once. */
  readonly request: ByteMatch | undefined;
  readonly reply: ByteMatch | undefined;
  readonly kind: 'cut-before-request' | 'hold-before-request' | 'lose-reply';
  /** How many requests that match it lets pass. */
  passCount: number;
  readonly sprung: () => void;
}

const overlapBytes = 64;

/** Matches bytes that hold a text. */
export function holdsText(text: string): ByteMatch {
  const wanted = Buffer.from(text, 'latin1');
  return (bytes) => bytes.includes(wanted);
}

/**
 * A TCP path between a client and a real server that does what networks do: cut connections, refuse them, hold bytes back, and
 * lose replies to requests that took effect. For tests; listens on loopback on a free port.
 */
export class FaultProxy implements AsyncDisposable {
  readonly #target: FaultProxyOptions;
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  readonly #traps = new Set<Trap>();
  #isRefusing = false;
  #isHolding = false;
  #connectionCount = 0;

  private constructor(target: FaultProxyOptions) {
    this.#target = target;
    this.#listener = createServer((client) => this.#join(client));
  }

  /** Listens on a free port of 127.0.0.1. Dispose of it to end it. */
  static async start(target: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#listener.once('error', reject);
      proxy.#listener.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#listener.address();
    assert.ok(address !== null && typeof address !== 'string', 'the proxy listens');
    return address.port;
  }

  /** Connections that were made so far, ended ones included. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  /** Connections that stand at this moment. */
  get openCount(): number {
    return this.#pairs.size;
  }

  /** The same address with the path through this proxy. */
  reroute(url: string): string {
    const rerouted = new URL(url);
    rerouted.hostname = '127.0.0.1';
    rerouted.port = String(this.port);
    return rerouted.href;
  }

  /** Ends every connection at once, as a killed process or a rebooted router does. */
  cut(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  /** From now on connections are ended as soon as they are made, or let through again. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Bytes wait in both directions until released: a path that is alive and moves nothing. */
  hold(): void {
    this.#isHolding = true;
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** What was held back moves again, and so does everything after it. */
  release(): void {
    this.#isHolding = false;
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  /** The next request that matches never reaches the server: its connection is cut in front of it. Resolves when that happened. */
  cutBefore(request: ByteMatch): Promise<void> {
    return this.#set({ kind: 'cut-before-request', request, reply: undefined, passCount: 0 });
  }

  /**
   * After `passCount` requests that match, the next one never reaches the server, and from then on nothing moves until
   * `release`. Resolves when that happened: what the client has sent before is with the server.
   */
  holdBefore(request: ByteMatch, passCount: number): Promise<void> {
    return this.#set({ kind: 'hold-before-request', request, reply: undefined, passCount });
  }

  /**
   * The server gets the request that matches and does what it says; from then on its replies are dropped, and when one of them
   * matches (default: the first), the connection is cut. Resolves when that happened.
   */
  loseReply(match: { readonly request: ByteMatch; readonly reply?: ByteMatch }): Promise<void> {
    return this.#set({ kind: 'lose-reply', request: match.request, reply: match.reply, passCount: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
    });
  }

  #set(trap: Omit<Trap, 'sprung'>): Promise<void> {
    return new Promise((resolve) => {
      const set: Trap = {
        ...trap,
        sprung: () => {
          this.#traps.delete(set);
          resolve();
        },
      };
      this.#traps.add(set);
    });
  }

  #join(client: Socket): void {
    this.#connectionCount += 1;
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const server = createConnection(this.#target);
    const pair = { client, server };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    let armed: Trap | undefined;
    const requests = followBytes();
    const replies = followBytes();
    client.on('data', (chunk: Buffer) => {
      armed ??= this.#spring(requests(chunk));
      if (armed?.kind === 'cut-before-request') {
        this.#end(pair);
        armed.sprung();
        return;
      }
      if (armed?.kind === 'hold-before-request') {
        this.hold();
        armed.sprung();
        return;
      }
      if (!server.write(chunk)) client.pause();
    });
    server.on('data', (chunk: Buffer) => {
      const seen = replies(chunk);
      if (armed !== undefined) {
        if (armed.reply !== undefined && !armed.reply(seen)) return;
        this.#end(pair);
        armed.sprung();
        return;
      }
      if (!client.write(chunk)) server.pause();
    });
    client.on('drain', () => this.#isHolding || server.resume());
    server.on('drain', () => this.#isHolding || client.resume());
    for (const socket of [client, server]) {
      socket.on('error', () => this.#end(pair));
      socket.on('close', () => this.#end(pair));
    }
    if (!this.#isHolding) return;
    client.pause();
    server.pause();
  }

  #spring(request: Buffer): Trap | undefined {
    const trap = [...this.#traps].find((candidate) => candidate.request?.(request) ?? true);
    if (trap === undefined || trap.passCount === 0) return trap;
    trap.passCount -= 1;
    return undefined;
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }
}

/** Each chunk with the end of the one before. */
function followBytes(): (chunk: Buffer) => Buffer {
  let before: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const seen = Buffer.concat([before, chunk]);
    before = Buffer.from(seen.subarray(-overlapBytes));
    return seen;
  };
}
