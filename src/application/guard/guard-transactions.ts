import { AsyncLocalStorage } from 'node:async_hooks';
import { emitWarning, env } from 'node:process';

import { HeadwaterError } from '../../foundation/error.ts';
import { readCallStack } from './call-stack.ts';
import type { NetworkVia, SeenCall } from './network-watch.ts';
import { hookNetwork } from './node-network.ts';
import { setWatch, type WatchedUnit, watchUnit } from './watched-unit.ts';
import type { WireProtocol } from './wire-protocol.ts';

/**
 * `throw`: the unit fails with the error and rolls back, and a call by fetch, http or https is ended before anything has left. `report`:
 * each call is reported and goes on. `count`: they are counted, without a stack. `off`: nothing is hooked.
 */
export type GuardMode = 'throw' | 'report' | 'count' | 'off';

/** Network I/O inside an open transaction. */
export interface NetworkCall {
  readonly via: NetworkVia;
  /** `host:port`, or `unix:` and a path; for the producer of a Kafka client the client's name. Without path, query or secrets. */
  readonly target: string;
  /** What is spoken there, as far as its bytes tell. */
  readonly protocol: WireProtocol | undefined;
  readonly unit: WatchedUnit;
  /** The frames where the call was made. Empty in the mode `count`, and where a client writes by a timer or an event of its own. */
  readonly stack: string;
  /** The frames where the unit was begun, as far as they are known. Empty in the mode `count`. */
  readonly unitStack: string;
}

/** How a guard behaves. */
export interface GuardOptions {
  /** Default: `off` where NODE_ENV is `production`, else `throw`. */
  readonly mode?: GuardMode;
  /** Is told of each call in the modes `throw` and `report`. Default: a warning of the process in the mode `report`. */
  readonly report?: (error: HeadwaterError, call: NetworkCall) => void;
  /** True for a call that may be made inside a transaction, such as one of a tracer. */
  readonly allow?: (call: NetworkCall) => boolean;
}

/** A guard that is on until it is disposed. */
export interface TransactionGuard extends Disposable {
  readonly mode: GuardMode;
  /** Calls inside open transactions since it is on, in every mode but `off`. Those that `allow` lets pass do not count. */
  counts(): Readonly<Record<NetworkVia, number>>;
}

interface OpenUnit {
  readonly unit: WatchedUnit;
  readonly outer: OpenUnit | undefined;
  readonly stack: string;
  /** What was seen already: one report for one place in the code. */
  readonly seen: Set<string>;
  /** Whether its end is ours, so that it can be made to fail there. */
  readonly canFail: boolean;
  refusal: HeadwaterError | undefined;
  isOver: () => boolean;
}

/** Follows a unit through everything that it awaits. It outlives the unit where something was begun and not awaited. */
const units = new AsyncLocalStorage<OpenUnit>();
const guards = new Set<NetworkGuard>();
let unhook: (() => void) | undefined;

/**
 * Watches for network I/O inside open transactions: `transact`, the handler of an inbox, the transaction of an operation under an
 * idempotency key, what `watchTransaction` runs, and, with pg and Drizzle on pg, what follows on an `emit` in a transaction of the
 * application's own until that ends. The database itself is told from everything else by what is written to it. For
 * development and tests: on by default unless NODE_ENV is `production`. When off it hooks nothing and costs nothing.
 *
 * Sees fetch, undici, http, https, http2, and writes to TCP and TLS sockets of this thread, also to those that were open before, and to
 * Unix sockets that are connected while it is on. Does not see worker threads, child processes, native addons, UDP, answers to clients of one's own server, and a client that hands
 * its bytes to a queue which another caller empties; nor another PostgreSQL.
 * @throws HW-GUARD-002
 */
export function guardTransactions(options: GuardOptions = {}): TransactionGuard {
  const mode = options.mode ?? (env['NODE_ENV'] === 'production' ? 'off' : 'throw');
  if (!modes.has(mode)) throw new HeadwaterError('HW-GUARD-002', `a guard has no mode "${mode}"`);
  const guard = new NetworkGuard(mode, options);
  if (mode === 'off') return guard;
  guards.add(guard);
  if (unhook === undefined) {
    unhook = hookNetwork<OpenUnit>({ current: findOpenUnit, stack: readStackIfWanted, see: seeCall });
    setWatch({ run: runOpenUnit, enter: enterOpenUnit });
  }
  return guard;
}

const modes: ReadonlySet<string> = new Set(['throw', 'report', 'count', 'off'] satisfies GuardMode[]);

/**
 * Runs the inside of a transaction that the application has begun itself, so that a guard sees what happens in it:
 * `db.transaction((tx) => watchTransaction('place order', async () => { … }))`. Without a guard it runs `work` and nothing else.
 * @throws HW-GUARD-001 in the mode `throw`, and what `work` throws
 */
export async function watchTransaction<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return watchUnit({ kind: 'transaction', name }, work);
}

async function runOpenUnit<Result>(unit: WatchedUnit, work: () => Result | Promise<Result>): Promise<Result> {
  let isOver = false;
  const open = createOpenUnit(unit, { stack: readStackIfWanted(runOpenUnit), canFail: true, isOver: () => isOver });
  try {
    const result = await units.run(open, async () => work());
    if (open.refusal !== undefined) throw open.refusal;
    return result;
  } catch (thrown) {
    // The clearer of the two: what the callback throws is often only what the refused call did to it.
    throw open.refusal ?? thrown;
  } finally {
    isOver = true;
  }
}

/** `emit` is called and not run around its transaction: what its caller does next, it does in the same context. */
function enterOpenUnit(unit: WatchedUnit, isOpen: () => boolean): void {
  if (findOpenUnit() !== undefined) return;
  const stack = readStackIfWanted(enterOpenUnit);
  units.enterWith(createOpenUnit(unit, { stack, canFail: false, isOver: () => !isOpen() }));
}

function createOpenUnit(unit: WatchedUnit, facts: Pick<OpenUnit, 'stack' | 'canFail' | 'isOver'>): OpenUnit {
  return { ...facts, unit, outer: findOpenUnit(), seen: new Set(), refusal: undefined };
}

/** What is over is over, also for code that was begun in it and still runs. */
function findOpenUnit(): OpenUnit | undefined {
  let open = units.getStore();
  while (open !== undefined && open.isOver()) open = open.outer;
  return open;
}

function readStackIfWanted(below: (...args: never) => unknown): string {
  for (const { mode } of guards) if (mode !== 'count') return readCallStack(below);
  return '';
}

function seeCall(open: OpenUnit, call: SeenCall): void {
  // A client that tells of its calls writes them to a socket later.
  if (call.via === 'client') open.seen.add(`client ${call.protocol}`);
  if (call.via === 'socket' && open.seen.has(`client ${call.protocol}`)) return;
  const place = `${call.via} ${call.target} ${call.stack}`;
  const isKnown = call.stack !== '' && open.seen.has(place);
  open.seen.add(place);
  const { via, target, protocol, stack } = call;
  const seen: NetworkCall = { via, target, protocol, stack, unit: open.unit, unitStack: open.stack };
  for (const guard of guards) {
    const error = guard.judge(seen, { isKnown, fails: open.canFail || call.refuse !== undefined });
    if (error === undefined) continue;
    open.refusal ??= error;
    call.refuse?.(error);
  }
}

class NetworkGuard implements TransactionGuard {
  readonly mode: GuardMode;
  readonly #options: GuardOptions;
  readonly #counts: Record<NetworkVia, number> = { fetch: 0, http: 0, http2: 0, client: 0, socket: 0 };

  constructor(mode: GuardMode, options: GuardOptions) {
    this.mode = mode;
    this.#options = options;
  }

  counts(): Readonly<Record<NetworkVia, number>> {
    return { ...this.#counts };
  }

  /** The error that the call and its unit fail with, in the mode `throw`. */
  judge(
    call: NetworkCall,
    { fails, isKnown }: { readonly fails: boolean; readonly isKnown: boolean },
  ): HeadwaterError | undefined {
    try {
      if (this.#options.allow?.(call) === true) return undefined;
      this.#counts[call.via] += 1;
      if (this.mode === 'count') return undefined;
      const error = createGuardError(call);
      if (!isKnown) this.#report(error, { call, fails });
      return this.mode === 'throw' ? error : undefined;
    } catch (thrown) {
      // We are inside the client's code, and inside Node's: an error of `allow` or `report` would be theirs.
      emitWarning(thrown instanceof Error ? thrown : String(thrown));
      return undefined;
    }
  }

  /** What can be made to fail neither by its call nor by its unit is at least heard of. */
  #report(error: HeadwaterError, { call, fails }: { readonly call: NetworkCall; readonly fails: boolean }): void {
    const { report } = this.#options;
    if (report !== undefined) report(error, call);
    else if (this.mode === 'report' || !fails) {
      emitWarning(error.message, { type: 'HeadwaterWarning', code: error.code, detail: describeStacks(call) });
    }
  }

  [Symbol.dispose](): void {
    if (!guards.delete(this) || guards.size > 0) return;
    setWatch(undefined);
    unhook?.();
    unhook = undefined;
  }
}

function createGuardError(call: NetworkCall): HeadwaterError {
  const { protocol, target, unit, via } = call;
  const means = via === 'socket' || via === 'client' ? (protocol ?? 'a socket') : via;
  const name = unit.name === undefined ? '' : ` "${unit.name}"`;
  const message = `network I/O inside an open transaction: ${means} to ${target} in ${unitNames[unit.kind]}${name}`;
  const error = new HeadwaterError('HW-GUARD-001', message, {
    details: { via, target, protocol: protocol ?? null, unitKind: unit.kind, unitName: unit.name ?? null },
  });
  error.stack = `${error.name}: ${message}\n${describeStacks(call)}`;
  return error;
}

const unitNames: Readonly<Record<WatchedUnit['kind'], string>> = {
  transact: 'transact',
  inbox: 'inbox',
  idempotency: 'idempotent operation',
  transaction: 'transaction',
  emit: 'the transaction that emit was given',
};

function describeStacks({ stack, unitStack }: NetworkCall): string {
  const call = stack === '' ? '    (the client wrote it later, by a timer or an event of its own)' : stack;
  return unitStack === '' ? call : `${call}\n  in the transaction that was begun here:\n${unitStack}`;
}
