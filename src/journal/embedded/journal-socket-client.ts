import { connect, type Socket } from 'node:net';

import type { Clock, ClockTimer } from '../../foundation/clock.ts';
import type { WriterPresence } from '../journal-reader.ts';
import { ChangeWaiters } from './change-waiters.ts';
import { decodeEndMessage, messageLengthMax } from './durable-end-message.ts';
import type { DurablePlace } from './durable-place.ts';
import type { ReaderEnd } from './embedded-journal-reader.ts';

const reconnectDelayMs = 500;

/** What a client needs. */
export interface JournalSocketClientOptions {
  readonly journalId: string;
  readonly clock: Clock;
  /** Where the owner listens now; undefined when nobody says so. */
  readonly locateSocket: () => Promise<string | undefined>;
  /** What is durable according to the files alone. */
  readonly place: DurablePlace;
}

/**
 * The durable end as the owner's socket tells it; without an owner, the last one that was known. Looks for an owner again
 * and again, so that a reader outlives the restarts of the process that writes.
 */
export class JournalSocketClient implements ReaderEnd, AsyncDisposable {
  readonly #options: JournalSocketClientOptions;
  readonly #waiters = new ChangeWaiters();
  #place: DurablePlace;
  #version = 0;
  #presence: WriterPresence = 'nothing-is-writing';
  #socket: Socket | undefined;
  #timer: ClockTimer | undefined;
  #isClosed = false;

  constructor(options: JournalSocketClientOptions) {
    this.#options = options;
    this.#place = options.place;
  }

  get place(): DurablePlace {
    return this.#place;
  }

  get version(): number {
    return this.#version;
  }

  get presence(): WriterPresence {
    return this.#presence;
  }

  /** Resolves when the owner has said its first word, or when it is clear that there is none. */
  async connect(): Promise<void> {
    const path = await this.#options.locateSocket();
    if (this.#isClosed) return;
    if (path !== undefined) await this.#attach(path);
    if (this.#socket === undefined) this.#retryLater();
  }

  /** What the files say, as long as no owner says more. */
  adopt(place: DurablePlace): void {
    if (this.#presence === 'nothing-is-writing') this.#move(place);
  }

  changedSince(version: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return version === this.#version ? this.#waiters.wait(signal) : Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.clear();
    this.#socket?.destroy();
  }

  #attach(path: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(path);
      this.#socket = socket;
      let text = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        text += chunk;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        const isUnderstood = text.length <= messageLengthMax && lines.every((line) => this.#receive(line));
        if (!isUnderstood) socket.destroy();
        if (lines.length > 0) resolve();
      });
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        this.#detach(socket);
        resolve();
      });
    });
  }

  /** False for what no owner of this journal says. */
  #receive(line: string): boolean {
    const message = decodeEndMessage(line);
    if (message?.journalId !== this.#options.journalId) return false;
    this.#presence = 'writing';
    this.#move(message.place);
    return true;
  }

  #move(place: DurablePlace): void {
    this.#place = place;
    this.#version += 1;
    this.#waiters.wake();
  }

  #detach(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#presence = 'nothing-is-writing';
    this.#move(this.#place);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.setTimer(reconnectDelayMs, () => {
      this.#timer = undefined;
      void this.connect();
    });
  }
}
