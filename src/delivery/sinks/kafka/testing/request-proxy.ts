import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** Numbers of Kafka's requests: https://kafka.apache.org/protocol.html#protocol_api_keys */
export const requestKeys = { produce: 0, endTxn: 26, addPartitionsToTxn: 24, initProducerId: 22 } as const;

/**
 * What becomes of a request: it passes; it is never sent; it is sent and its answer never comes; it is never sent and answered as
 * the last one of its kind was. The second and the third cut the line.
 */
export type RequestFate = 'pass' | 'lose-request' | 'lose-answer' | 'pretend';

/** Stands between a client and one broker and can lose single requests or answers. */
export class RequestProxy implements AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  /** Decides for each request by its number; called in the order in which they arrive. */
  decide: (requestKey: number) => RequestFate = () => 'pass';
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  readonly #answers = new Map<number, Buffer>();

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
    const keys = new Map<number, number>();
    for (const socket of [client, broker]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    onFrames(broker, (answer) => {
      if (isMute) {
        cut();
        return;
      }
      const key = keys.get(answer.readInt32BE(4));
      if (key !== undefined) this.#answers.set(key, answer);
      client.write(answer);
    });
    onFrames(client, (request) => {
      const key = request.readInt16BE(4);
      const correlation = request.readInt32BE(8);
      const fate = this.decide(key);
      if (fate === 'lose-request') {
        cut();
        return;
      }
      if (fate === 'pretend') {
        const answer = Buffer.from(this.#answers.get(key) ?? []);
        answer.writeInt32BE(correlation, 4);
        client.write(answer);
        return;
      }
      keys.set(correlation, key);
      isMute ||= fate === 'lose-answer';
      broker.write(request);
    });
  }
}

/** Calls for each message, with its length in front. */
function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (!socket.destroyed && pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const frame = Buffer.from(pending.subarray(0, 4 + pending.readInt32BE(0)));
      pending = pending.subarray(frame.length);
      take(frame);
    }
  });
}
