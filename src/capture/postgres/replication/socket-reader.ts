import { Socket } from 'node:net';

import { HeadwaterError } from '../../../foundation/error.ts';
import { ChunkPool } from './chunk-pool.ts';
import { MessageFramer } from './message-framer.ts';
import type { StreamListener } from './replication-connection.ts';

/**
 * Reads a socket for the driver during the login, and for the stream after it. A plain socket hands its bytes over through
 * `onread`, outside Node's streams: they are passed on to the driver as 'data' events as long as it is in charge. Behind TLS
 * Node gives 'data' events only.
 */
export class SocketReader {
  readonly #pool = new ChunkPool();
  /** Sees what the driver sees, so that it holds the beginning of a message that the take-over would cut. */
  readonly #framer = new MessageFramer();
  #plainSocket: Socket | undefined;
  #socket: Socket | undefined;
  #listener: Pick<StreamListener, 'bytes'> | undefined;

  createSocket(): Socket {
    this.#plainSocket = new Socket({
      onread: { buffer: () => this.#pool.room(), callback: (length) => this.#read(length) },
    });
    return this.#plainSocket;
  }

  /** From the first message after the login on. */
  follow(socket: Socket): void {
    this.#socket = socket;
    if (socket !== this.#plainSocket) this.#follow(socket);
  }

  #follow(socket: Socket): void {
    socket.on('data', (bytes: Buffer) => this.#deliver(bytes, false));
  }

  /** Detaches the driver, whose parser holds no unread bytes between two answers. */
  takeOver(listener: Pick<StreamListener, 'bytes'>): Socket {
    const socket = this.#socket;
    if (socket === undefined || this.#framer.restLength > 0) {
      throw new HeadwaterError(
        'HW-CAPTURE-001',
        'the server was in the middle of a message when the stream was to begin',
      );
    }
    socket.removeAllListeners('data');
    if (socket !== this.#plainSocket) this.#follow(socket);
    this.#listener = listener;
    socket.pause();
    return socket;
  }

  #read(length: number): boolean {
    const room = this.#pool.room();
    const bytes = this.#pool.take(length);
    this.#deliver(bytes, length === room.length);
    // The driver keeps what it did not finish in the buffer it was given, and may write there.
    if (this.#listener === undefined) this.#plainSocket?.emit('data', Buffer.from(bytes));
    return true;
  }

  #deliver(bytes: Buffer, isFull: boolean): void {
    if (this.#listener !== undefined) this.#listener.bytes(bytes, isFull);
    else if (this.#socket !== undefined) this.#framer.push(bytes, () => undefined);
  }
}
