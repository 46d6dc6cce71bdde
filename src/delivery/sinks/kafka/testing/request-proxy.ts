import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** Numbers of Kafka's requests: https://kafka.apache.org/protocol.html#protocol_api_keys */
export const requestKeys = { produce: 0, endTxn: 26, addPartitionsToTxn: 24, initProducerId: 22 } as const;

/** What becomes of a request: it passes; it is never sent; it is sent and its answer never comes. The last two cut the line. */
export type RequestFate = 'pass' | 'lose-request' | 'lose-answer';

/** Stands between a client and one broker and can lose single requests or answers. */
export class RequestProxy implements AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  /** Decides for each request by its number; called in the order in which they arrive. */
  decide: (requestKey: number) => RequestFate = () => 'pass';
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    this.#target = target;
    this.address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    server.on('connection', (socket) => this.#forward(socket));
  }

  static async open(broker: string): Promise<RequestProxy> {
    const [host, port] = broker.split(':');
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RequestProxy(server, { host: host ?? '', port: Number(port) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(client: Socket): void {
    const broker = connect(this.#target);
    const cut = (): void => {
      client.destroy();
      broker.destroy();
    };
    let isMute = false;
    let pending = Buffer.alloc(0);
    for (const socket of [client, broker]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    broker.on('data', (chunk) => {
      if (isMute) cut();
      else client.write(chunk);
    });
    client.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 6 && pending.length >= 4 + pending.readInt32BE(0)) {
        const request = pending.subarray(0, 4 + pending.readInt32BE(0));
        pending = pending.subarray(request.length);
        const fate = this.decide(request.readInt16BE(4));
        if (fate === 'lose-request') {
          cut();
          return;
        }
        isMute ||= fate === 'lose-answer';
        broker.write(request);
      }
    });
  }
}
