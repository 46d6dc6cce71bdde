import { chmod, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { HeadwaterError } from '../../foundation/error.ts';
import { encodeEndMessage } from './durable-end-message.ts';
import type { DurableEndWatch } from './durable-place.ts';

/** The longest socket path on Linux; macOS has 103. */
const socketPathLengthMax = 103;
const directoryPrefix = 'headwater-';
const socketName = 'journal.sock';

/** Where the owner listens. */
export interface SocketPlace {
  readonly path: string;
  /** A directory made for the socket alone, because the journal's path is too long for one. */
  readonly ownDirectory: string | undefined;
}

/** Chooses the socket's path: beside the journal, or in a private directory when that is too long for a socket. */
export async function chooseSocketPlace(preferred: string): Promise<SocketPlace> {
  if (Buffer.byteLength(preferred) <= socketPathLengthMax) return { path: preferred, ownDirectory: undefined };
  const ownDirectory = await mkdtemp(join(tmpdir(), directoryPrefix));
  return { path: join(ownDirectory, socketName), ownDirectory };
}

/** A killed owner leaves its private directory behind: the next one removes it, and only what it recognises as such. */
export async function removeLeftSocket(path: string | undefined): Promise<void> {
  if (path === undefined || basename(path) !== socketName) return;
  const directory = dirname(path);
  if (dirname(directory) !== tmpdir() || !basename(directory).startsWith(directoryPrefix)) return;
  await rm(path, { force: true });
  await rmdir(directory).catch(() => undefined);
}

/** What a socket server tells of. */
export interface JournalSocketOptions {
  readonly place: SocketPlace;
  readonly journalId: string;
  readonly end: DurableEndWatch;
}

/** Tells readers in other processes of this machine and user how far the journal is durable. */
export class JournalSocketServer implements AsyncDisposable {
  readonly #options: JournalSocketOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();

  private constructor(options: JournalSocketOptions) {
    this.#options = options;
    this.#server = createServer((socket) => void this.#serve(socket));
  }

  /** Only the holder of the lock calls it, so a socket file that is there belongs to nobody. @throws HW-JOURNAL-015 */
  static async listen(options: JournalSocketOptions): Promise<JournalSocketServer> {
    const { path } = options.place;
    const listening = new JournalSocketServer(options);
    try {
      await rm(path, { force: true });
      await new Promise<void>((resolve, reject) => {
        listening.#server.once('error', reject);
        listening.#server.listen(path, resolve);
      });
      await chmod(path, 0o600);
    } catch (error) {
      throw HeadwaterError.from(error, 'HW-JOURNAL-015', `cannot listen on ${path}`);
    }
    // Readers come and go; none of them keeps the owner alive.
    listening.#server.unref();
    return listening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const { ownDirectory } = this.#options.place;
    if (ownDirectory !== undefined) await rm(ownDirectory, { recursive: true, force: true });
  }

  /** One line at a time: a slow reader gets the newest place when it is ready, never a queue of old ones. */
  async #serve(socket: Socket): Promise<void> {
    const { journalId, end } = this.#options;
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    this.#sockets.add(socket);
    socket.unref();
    socket.resume();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      gone.abort();
    });
    try {
      for (;;) {
        const { version } = end;
        await writeLine(socket, encodeEndMessage({ version: 1, journalId, place: end.place }), signal);
        await end.changedSince(version, signal);
      }
    } catch {
      // The reader went away, or the owner closes.
      socket.destroy();
    }
  }
}

async function writeLine(socket: Socket, line: string, signal: AbortSignal): Promise<void> {
  if (socket.write(line)) return;
  await new Promise<void>((resolve, reject) => {
    socket.once('drain', resolve);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
