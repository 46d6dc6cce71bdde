import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Where a statement of a client is met: on its way, or when the server has carried it out and answers. */
export type StatementPlace = 'before' | 'behind';

interface Trap {
  /** 1: the next statement. */
  readonly statement: number;
  readonly place: StatementPlace;
  readonly spring: () => void;
}

const letter = { query: 0x51, sync: 0x53 } as const; // Q, S

/**
 * A path to a PostgreSQL server that sees each statement of whatever client library, because it reads the protocol and not the
 * library: https://www.postgresql.org/docs/18/protocol-message-formats.html. A statement ends with a Query or a Sync message.
 */
export class StatementProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets: Set<Socket>;
  #count = 0;
  #trap: Trap | undefined;

  private constructor(server: ReturnType<typeof createServer>, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(target: URL): Promise<StatementProxy> {
    const sockets = new Set<Socket>();
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new StatementProxy(server, sockets);
    server.on('connection', (client) => proxy.#join(client, connect(Number(target.port), target.hostname)));
    return proxy;
  }

  reroute(url: string): string {
    const rerouted = new URL(url);
    rerouted.hostname = '127.0.0.1';
    rerouted.port = String(this.port);
    return rerouted.href;
  }

  /** Statements since `arm`. */
  get count(): number {
    return this.#count;
  }

  /** Calls `spring` at a statement, from now on counted; that statement, or its answer, goes no further. */
  arm(trap: Trap | undefined): void {
    this.#count = 0;
    this.#trap = trap;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    const reader = new StatementReader();
    let answer: Trap | undefined;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      for (const { bytes: part, isStatementEnd } of reader.split(bytes)) {
        const trap = isStatementEnd ? this.#meet() : undefined;
        if (trap?.place === 'before') {
          trap.spring();
          client.destroy();
          return;
        }
        answer ??= trap;
        server.write(part);
      }
    });
    server.on('data', (bytes: Buffer) => {
      if (answer === undefined) client.write(bytes);
      else {
        answer.spring();
        client.destroy();
      }
    });
  }

  #meet(): Trap | undefined {
    this.#count += 1;
    return this.#trap?.statement === this.#count ? this.#trap : undefined;
  }
}

/** Cuts what a client sends behind each message that ends a statement. */
class StatementReader {
  #hasStarted = false;
  #rest = Buffer.alloc(0);

  split(bytes: Buffer): { readonly bytes: Buffer; readonly isStatementEnd: boolean }[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const parts: { readonly bytes: Buffer; readonly isStatementEnd: boolean }[] = [];
    let from = 0;
    for (let at = 0; ; from = at) {
      const head = this.#hasStarted ? 1 : 0;
      if (all.length < at + head + 4) break;
      const length = head + all.readUInt32BE(at + head);
      if (all.length < at + length) break;
      // A request for TLS comes before the start; both have no letter.
      if (!this.#hasStarted) this.#hasStarted = all.readUInt32BE(at + 4) !== 80_877_103;
      const tag = head === 1 ? all[at] : undefined;
      at += length;
      parts.push({ bytes: all.subarray(from, at), isStatementEnd: tag === letter.query || tag === letter.sync });
    }
    this.#rest = all.subarray(from);
    return parts;
  }
}
