import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

/*
 * Clients keep their sockets to themselves. One gives up an attempt to connect without closing its socket when the server has not
 * spoken yet: it completes later, is nobody's, and keeps the process alive. Node tells of each socket that is made, in the context of whoever makes it.
 * https://nodejs.org/docs/latest-v24.x/api/diagnostics_channel.html#net
 */

const opening = new AsyncLocalStorage<(socket: Socket) => void>();
let isSubscribed = false;

/** What was begun, and the means to be rid of it. */
export interface OpenedSockets<Result> {
  readonly result: Promise<Result>;
  /** As they are made. With TLS those beneath it, which carry what it has encrypted. */
  readonly sockets: ReadonlySet<Socket>;
  /** Destroys every socket that was made for it. */
  readonly destroy: () => void;
}

/** Calls `open` and remembers the sockets that it makes, however late. */
export function keepSockets<Result>(open: () => Promise<Result>): OpenedSockets<Result> {
  if (!isSubscribed) subscribe('net.client.socket', remember);
  isSubscribed = true;
  const sockets = new Set<Socket>();
  let isOver = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    if (isOver) socket.destroy();
  };
  return {
    result: opening.run(keep, open),
    sockets,
    destroy: () => {
      isOver = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}

function remember(message: unknown): void {
  const made: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'socket') : undefined;
  if (made instanceof Socket) opening.getStore()?.(made);
}
