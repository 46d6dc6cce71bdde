import type { RunEffect } from '../effect/effect.ts';

/**
 * Whether a repetition of an operation has a second effect.
 *   safe     it has none at all: a read. A key is ignored.
 *   natural  the second finds the first done: a PUT of a whole thing. A key is ignored.
 *   keyed    by the key: the request is refused without one.
 *   unsafe   it has. A key is refused, since it would promise otherwise.
 */
export type OperationSafety = 'safe' | 'natural' | 'keyed' | 'unsafe';

/** What the code of an operation knows of the request that it works for. */
export interface RunContext<Input> {
  /** What `parse` gave, as JSON carries it: the same at the first attempt and at every further one. */
  readonly input: Input;
  readonly principal: string;
  /** The client's key. Never pass it on to others: `call` has a key of its own. */
  readonly key: string;
  /** Of the request, `x-correlation-id`, or else a UUID of the key's own. Events of the operation have it by themselves. */
  readonly correlationId: string;
  /** Of the request. Events of the operation have it by themselves; pass it on in calls of others. */
  readonly traceparent: string | undefined;
  /** 1, 2, 3, … */
  readonly attempt: number;
  /** Aborted when the lease was lost: what is done from then on is rolled back. */
  readonly signal: AbortSignal;
}

/** An operation in several steps: each is done once, and what is stored of it is given back when the operation is taken up again. */
export interface PhasedRun<Tx, Input> extends RunContext<Input> {
  /**
   * Local work: one transaction, which also moves the recovery point to `name`. Its result is kept as JSON.
   * On a serialization failure or a deadlock `work` runs again.
   */
  phase<Result>(name: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /**
   * One call of a foreign system, with a key that is this call's own and the same at every attempt: pass it to the provider, which
   * must honour it, because a kill before the result is stored repeats the call. Its result is kept as JSON.
   */
  call<Result>(name: string, work: (key: string, signal: AbortSignal) => Promise<Result>): Promise<Result>;
  /**
   * One call of a foreign system as `effect(name, …)` declares it, for providers that honour a key, can be asked, or have neither: then
   * the call is made at most once, and a result that may be unknown is given. Its result is kept as JSON.
   * @throws HW-IDEMPOTENCY-017 for a keyed or checked one that takes longer than its `timeoutMs` (default 30,000 ms), HW-IDEMPOTENCY-008
   * when the lease is lost, and whatever the provider's call throws, except from a guarded one
   */
  readonly effect: RunEffect;
}

/** What `parse` gives: the input of the operation, or a refusal that is answered and not kept. */
export type Parsed<Input> = Input | Response;

interface KeyedOperation<Input> {
  /** Keys of one operation do not meet those of another. 1 to 255 characters; it stays the same over releases. */
  readonly name: string;
  readonly safety: 'keyed';
  /**
   * Reads and checks the request, before anything is stored; has no effects. A value that JSON carries whole, because it is stored
   * until the operation has finished; keep secrets out of it. The body of `request` may be read here once more.
   * `native` is what the framework gave its adapter: route parameters, for one.
   */
  parse(request: Request, native: unknown): Parsed<Input> | Promise<Parsed<Input>>;
}

/** Effects and answer in one transaction. */
export interface TransactionOperation<Tx, Input> extends KeyedOperation<Input> {
  /**
   * Its answer is committed with its effects. An answer of status 5xx, 408, 425 or 429, and a `Refusal` that is thrown, roll the
   * effects back; a thrown one of another status is kept as the answer all the same. On a serialization failure or a deadlock it runs again.
   */
  transaction(tx: Tx, context: RunContext<Input>): Promise<Response>;
}

/** Steps with recovery points between them, for effects that no single transaction can hold. */
export interface PhasedOperation<Tx, Input> extends KeyedOperation<Input> {
  /**
   * Runs from the top at each attempt; steps that are done give their stored result. So what it does outside of steps must have no
   * effects and lead to the same steps. One step at a time.
   */
  phases(run: PhasedRun<Tx, Input>): Promise<Response>;
}

/** An operation that needs no key, or must not have one. */
export interface PlainOperation {
  readonly name: string;
  readonly safety: 'safe' | 'natural' | 'unsafe';
  respond(request: Request, native: unknown): Response | Promise<Response>;
}

/** Everything that an HTTP edge does, each declared. */
export type Operation<Tx, Input> = TransactionOperation<Tx, Input> | PhasedOperation<Tx, Input> | PlainOperation;

/** Whether a client that got no answer, or one of status 5xx or 409 with Retry-After, may send the request again. */
export function mayRepeat(safety: OperationSafety): 'always' | 'with-the-same-key' | 'never' {
  if (safety === 'keyed') return 'with-the-same-key';
  return safety === 'unsafe' ? 'never' : 'always';
}
