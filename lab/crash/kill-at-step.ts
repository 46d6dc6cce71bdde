/**
 * Loaded with `node --import` in front of the real `headwater run`, in its main thread and in its workers: lets the process kill
 * itself with SIGKILL at a named step. The package has no branch for tests; what is wrapped here are Node's own primitives, so
 * the process stands exactly where the primitive was called. Nothing happens before a file arms a step.
 *
 * How it is known that a kill fell inside its step:
 *
 *   receive               the socket's read callback holds rows of the replication stream that it has not passed on yet
 *                         (odd occurrences), or has just passed on, with no write to a file begun since (even ones)
 *   torn-append           `fs.writev` to a segment, when commits came since the write before: half of its bytes are written
 *   append-before-flush   `fs.fdatasync` of a segment is asked for, after such a write: all bytes are with the kernel
 *   flush-before-confirm  `fs.fdatasync` has succeeded and its callback was not called: nobody knows yet
 *   after-confirm         a standby status update that moves the confirmed location is with the kernel
 *   mirror-before-commit  the target has answered the statement that moves the checkpoint; COMMIT is never sent
 *   mirror-after-commit   the target's answer to COMMIT has arrived and is not passed on
 *   kafka-before-commit   EndTxn is about to be sent; every Produce request was acknowledged by then
 *   kafka-after-commit    the coordinator's answer to EndTxn has arrived and is not passed on
 *   handler-after-commit  the answer to the handler's own COMMIT has arrived and is not passed on
 *   handler-before-checkpoint  the state file is about to be told the lane's checkpoint
 *
 * The process notes the step in a file before it dies; whoever started it reads that, and asks the servers for what they know
 * (`crash-stage.ts`). SIGKILL leaves the page cache alone: what a power cut does is shown by the journal's own tests.
 */
import fs from 'node:fs';
import fsPromises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import net, { type Socket, type SocketConstructorOpts } from 'node:net';
import sqlite from 'node:sqlite';

import {
  type ArmedStep,
  armFileVariable,
  type CrashMark,
  type CrashStep,
  crashInstallation,
  handlerApplicationName,
  markFileVariable,
} from './crash-step.ts';
import { readFlushedLsn, readPassedMessages, isEndTxnRequest, readEndTxnError } from './wire-sight.ts';

const armFile = process.env[armFileVariable] ?? '';
const markFile = process.env[markFileVariable] ?? '';

let armed: ArmedStep | undefined;
let reachedCount = 0;

/** Counts an arrival at a step, and says which one it is when the process must die here; else 0. */
function arriveAt(step: CrashStep): number {
  if (armed === undefined && fs.existsSync(armFile)) armed = JSON.parse(fs.readFileSync(armFile, 'utf8')) as ArmedStep;
  if (armed?.step !== step) return 0;
  reachedCount += 1;
  return reachedCount >= armed.occurrence ? reachedCount : 0;
}

function die(mark: CrashMark): never {
  fs.writeFileSync(markFile, JSON.stringify(mark));
  process.kill(process.pid, 'SIGKILL');
  // The signal ends every thread; this one does not go on meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new Error('unreachable');
}

type Primitive = (this: unknown, ...parameters: never[]) => unknown;

/** Puts a wrapper in the place of a primitive, with everything that `promisify` looks for on it. */
function replace(owner: object, name: string, wrap: (original: Primitive) => Primitive): void {
  const original = Reflect.get(owner, name) as Primitive;
  const wrapper = wrap(original);
  Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(original));
  Reflect.set(owner, name, wrapper);
}

// Files: which descriptor is a segment, and whether commits are on their way to it.
const segments = new Set<number>();
let hasCommits = false;
let isWritten = false;
let isFlushed = false;

replace(fsPromises, 'open', (original) => {
  const open = original as unknown as (path: string, ...rest: unknown[]) => Promise<FileHandle>;
  return async (...parameters: readonly unknown[]) => {
    const [path, ...rest] = parameters as readonly [string, ...unknown[]];
    const file = await open(path, ...rest);
    if (path.endsWith('.segment')) segments.add(file.fd);
    else segments.delete(file.fd);
    return file;
  };
});

replace(fs, 'writev', (original) => {
  const writev = original as unknown as typeof fs.writev;
  return (
    descriptor: number,
    buffers: readonly Uint8Array[],
    position: number,
    callback: Parameters<typeof fs.writev>[3],
  ) => {
    if (segments.has(descriptor) && hasCommits) {
      hasCommits = false;
      isWritten = true;
      if (arriveAt('torn-append') > 0) {
        const whole = Buffer.concat(buffers);
        fs.writeSync(descriptor, whole, 0, Math.ceil(whole.length / 2), position);
        die({ step: 'torn-append' });
      }
    }
    writev(descriptor, buffers as Uint8Array[], position, callback);
  };
});

replace(fs, 'fdatasync', (original) => {
  const fdatasync = original as unknown as typeof fs.fdatasync;
  return (descriptor: number, callback: fs.NoParamCallback) => {
    if (!segments.has(descriptor) || !isWritten) {
      fdatasync(descriptor, callback);
      return;
    }
    isWritten = false;
    if (arriveAt('append-before-flush') > 0) die({ step: 'append-before-flush' });
    fdatasync(descriptor, (error) => {
      if (error === null && arriveAt('flush-before-confirm') > 0) die({ step: 'flush-before-confirm' });
      isFlushed = true;
      callback(error);
    });
  };
});

// The replication stream: it alone is read through a buffer of its own.
net.Socket = new Proxy(net.Socket, {
  construct(target, parameters: unknown[], newTarget) {
    const options = parameters[0] as SocketConstructorOpts | undefined;
    if (options?.onread === undefined) return Reflect.construct(target, parameters, newTarget) as Socket;
    const { onread } = options;
    const watched: SocketConstructorOpts = {
      ...options,
      onread: {
        buffer: onread.buffer,
        callback: (length, bytes) => {
          const seen = readPassedMessages(Buffer.from(bytes.buffer, bytes.byteOffset, length));
          const occurrence = seen.hasRows ? arriveAt('receive') : 0;
          if (occurrence % 2 === 1) die({ step: 'receive' });
          const goesOn = onread.callback(length, bytes);
          if (occurrence > 0) die({ step: 'receive' });
          hasCommits ||= seen.hasCommit;
          return goesOn;
        },
      },
    };
    return Reflect.construct(target, [watched], newTarget) as Socket;
  },
});

type Speaker = 'mirror' | 'handler' | 'other';
const speakers = new WeakMap<object, Speaker>();
/** Sockets that wait for the answer to what was sent or held back. */
const awaited = new WeakMap<object, 'checkpoint-moved' | 'end-txn'>();
let confirmedLsn = 0n;

const mirrorName = `headwater ${crashInstallation} mirror`;
const answerPatienceMs = 2_000;
const passing = { kind: 'pass' } as const;

replace(net.Socket.prototype, 'write', (original) => {
  return function write(this: unknown, ...parameters: never[]): unknown {
    const [bytes] = parameters as readonly unknown[];
    const fate = bytes instanceof Uint8Array ? lookAtRequest(this as Socket, viewOf(bytes)) : passing;
    switch (fate.kind) {
      case 'pass':
        return Reflect.apply(original, this, parameters);
      case 'hold-back':
        return true;
      case 'pass-and-die': {
        const sent = (): void => void die(fate.mark);
        return Reflect.apply(original, this, [bytes, sent] as never[]);
      }
    }
  };
});

replace(net.Socket.prototype, 'push', (original) => {
  return function push(this: unknown, ...parameters: never[]): unknown {
    const [chunk] = parameters as readonly unknown[];
    if (chunk instanceof Uint8Array) lookAtAnswer(this as Socket, viewOf(chunk));
    return Reflect.apply(original, this, parameters);
  };
});

replace(sqlite.StatementSync.prototype, 'run', (original) => {
  return function run(this: unknown, ...parameters: never[]): unknown {
    const [kind, name] = parameters as readonly unknown[];
    if (kind === 'checkpoint' && name === 'handler' && arriveAt('handler-before-checkpoint') > 0) {
      die({ step: 'handler-before-checkpoint' });
    }
    return Reflect.apply(original, this, parameters);
  };
});

syncBuiltinESMExports();

/** The start-up packet of a connection names it; Kafka's connections have none. */
function recognise(first: Buffer): Speaker {
  if (first.includes(mirrorName)) return 'mirror';
  return first.includes(handlerApplicationName) ? 'handler' : 'other';
}

/** What becomes of bytes that are to be sent. */
type RequestFate =
  | { readonly kind: 'pass' | 'hold-back' }
  /** Once they are with the kernel. */
  | { readonly kind: 'pass-and-die'; readonly mark: CrashMark };

function lookAtRequest(socket: Socket, bytes: Buffer): RequestFate {
  if (!speakers.has(socket)) speakers.set(socket, recognise(bytes));
  const flushed = readFlushedLsn(bytes);
  if (flushed !== undefined) return lookAtStatus(flushed);
  if (isEndTxnRequest(bytes)) {
    if (arriveAt('kafka-before-commit') > 0) die({ step: 'kafka-before-commit' });
    awaited.set(socket, 'end-txn');
  }
  const isCommit = speakers.get(socket) === 'mirror' && bytes.includes('commit\0');
  if (!isCommit || arriveAt('mirror-before-commit') === 0) return passing;
  awaited.set(socket, 'checkpoint-moved');
  setTimeout(() => die({ step: 'mirror-before-commit', isAnswered: false }), answerPatienceMs);
  return { kind: 'hold-back' };
}

function lookAtStatus(flushed: bigint): RequestFate {
  const confirmsCommits = isFlushed && flushed > confirmedLsn;
  confirmedLsn = flushed;
  if (!confirmsCommits) return passing;
  isFlushed = false;
  if (arriveAt('after-confirm') === 0) return passing;
  return { kind: 'pass-and-die', mark: { step: 'after-confirm', confirmedLsn: String(flushed) } };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function lookAtAnswer(socket: Socket, answer: Buffer): void {
  const wanted = awaited.get(socket);
  if (wanted === 'checkpoint-moved' && answer.includes('SELECT 1\0'))
    die({ step: 'mirror-before-commit', isAnswered: true });
  if (wanted === 'end-txn') {
    awaited.delete(socket);
    if (arriveAt('kafka-after-commit') > 0) die({ step: 'kafka-after-commit', errorCode: readEndTxnError(answer) });
  }
  if (!answer.includes('COMMIT\0')) return;
  const speaker = speakers.get(socket);
  if (speaker === 'mirror' && arriveAt('mirror-after-commit') > 0) die({ step: 'mirror-after-commit' });
  if (speaker === 'handler' && arriveAt('handler-after-commit') > 0) die({ step: 'handler-after-commit' });
}
