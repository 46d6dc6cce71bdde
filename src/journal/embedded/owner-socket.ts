import { connect } from 'node:net';

/**
 * Connects to the socket of a journal's owner, and resolves when the connection is over or could not be made: whether there was
 * one. A cancel ends it too. Changes nothing for the owner.
 */
export function outliveConnection(path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let wasConnected = false;
    const socket = connect(path, () => {
      wasConnected = true;
    });
    const abort = (): void => void socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    // What the owner tells of its durable end is read and dropped.
    socket.resume();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      resolve(wasConnected);
    });
  });
}
