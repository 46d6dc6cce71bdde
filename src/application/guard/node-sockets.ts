import { Socket } from 'node:net';

import type { NetworkWatch } from './network-watch.ts';
import { headBytesMax, readProtocol, type WireProtocol } from './wire-protocol.ts';

/**
 * Sees what is written to sockets, also to those that were open before: `connect`, `write` and `end` of Node's own `Socket` are
 * wrapped, because Node tells of a connection that is made (`net.client.socket`, and not of each) and never of a write. A connection by
 * itself carries nothing out of a transaction, so it is judged by the first write, whose bytes tell whether it leads to the
 * database. What a socket was seen to speak it is believed to speak for as long as it lives.
 */
export function hookSockets<Unit extends object>(watch: NetworkWatch<Unit>): () => void {
  const known = new WeakMap<Socket, SocketFacts<Unit>>();
  const onConnect = (socket: Socket, args: readonly unknown[]): void => {
    const unit = watch.current();
    const target = readTarget(args);
    known.set(socket, unit === undefined ? { target } : { target, openedIn: unit, openedAt: watch.stack(onConnect) });
  };
  const onWrite = (socket: Socket, [chunk, encoding]: readonly unknown[]): void => {
    const unit = watch.current();
    if (unit === undefined) return;
    const facts: SocketFacts<Unit> | undefined = known.get(socket) ?? readPeer(socket);
    if (facts === undefined) return;
    known.set(socket, facts);
    if (facts.protocol === undefined) facts.protocol = readProtocol(toBytes(chunk, encoding));
    else if (facts.protocol === 'websocket') facts.isUpgraded = true;
    if (facts.protocol === 'postgresql' || facts.protocol === 'http') return;
    if (facts.protocol === 'websocket' && facts.isUpgraded !== true) return;
    if (facts.seenIn === unit) return;
    facts.seenIn = unit;
    const stack = facts.openedIn === unit ? (facts.openedAt ?? '') : watch.stack(onWrite);
    watch.see(unit, { via: 'socket', target: facts.target, protocol: facts.protocol, stack });
  };
  const undo = [
    wrap('connect', onConnect),
    wrap('write', onWrite),
    wrap('end', (socket, args) => {
      if (typeof args[0] === 'string' || args[0] instanceof Uint8Array) onWrite(socket, args);
    }),
  ];
  return () => {
    for (const restore of undo) restore();
  };
}

interface SocketFacts<Unit> {
  readonly target: string;
  readonly openedIn?: Unit;
  readonly openedAt?: string;
  protocol?: WireProtocol | undefined;
  isUpgraded?: true;
  /** The last unit that was told of it: once is enough. */
  seenIn?: Unit;
}

/** Whoever wraps the same methods later keeps ours below: it lets everything pass then. */
function wrap(
  name: 'connect' | 'write' | 'end',
  before: (socket: Socket, args: readonly unknown[]) => void,
): () => void {
  const own = Object.getOwnPropertyDescriptor(Socket.prototype, name);
  const original: unknown = Reflect.get(Socket.prototype, name);
  if (typeof original !== 'function') return () => undefined;
  const call = (socket: Socket, args: readonly unknown[]): unknown => Reflect.apply(original, socket, args);
  let isOn = true;
  function wrapped(this: Socket, ...args: readonly unknown[]): unknown {
    if (isOn) before(this, args);
    return call(this, args);
  }
  Object.defineProperty(Socket.prototype, name, { configurable: true, writable: true, value: wrapped });
  return () => {
    isOn = false;
    if (Reflect.get(Socket.prototype, name) !== wrapped) return;
    if (own === undefined) Reflect.deleteProperty(Socket.prototype, name);
    else Object.defineProperty(Socket.prototype, name, own);
  };
}

/** Of a socket that was open before. Undefined: a pipe of the process, or a connection that somebody else has made to us. */
function readPeer(socket: Socket): { readonly target: string } | undefined {
  const { remoteAddress, remotePort } = socket;
  const isAccepted = Reflect.get(socket, 'server') !== null && Reflect.get(socket, 'server') !== undefined;
  if (isAccepted || remoteAddress === undefined) return undefined;
  return { target: `${remoteAddress}:${remotePort ?? 0}` };
}

/** (port, host), (path), (options), and Node's own list of options and callback. */
function readTarget(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as readonly unknown[]) : args;
  if (typeof first === 'object' && first !== null) {
    const [host, path, port]: readonly unknown[] = ['host', 'path', 'port'].map((name): unknown =>
      Reflect.get(first, name),
    );
    if (typeof path === 'string') return `unix:${path}`;
    return `${typeof host === 'string' ? host : 'localhost'}:${String(port)}`;
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) return `unix:${first}`;
  return `${typeof second === 'string' ? second : 'localhost'}:${String(first)}`;
}

function toBytes(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk !== 'string') return new Uint8Array();
  const isEncoding = typeof encoding === 'string' && Buffer.isEncoding(encoding);
  return Buffer.from(chunk.slice(0, headBytesMax), isEncoding ? encoding : 'utf8');
}
