import { HeadwaterError } from '../../foundation/error.ts';
import { isConflict, sqlStateOf } from '../../postgres/sql-state.ts';
import type { DatabaseHandle } from '../../postgres/database-handle.ts';
import type { ResultRow, TransactionHandle } from '../../postgres/transaction-handle.ts';
import type { KeyState } from './decide.ts';
import { createIdempotencySql, type IdempotencySql } from './idempotency.sql.ts';
import type { FinalReply, StoredReply } from './stored-reply.ts';

/** A key within its scope. */
export interface ScopedKey {
  readonly principal: string;
  readonly operation: string;
  readonly key: string;
}

/** A step that is done, or one that is begun and must not be done twice. */
export interface StoredStep {
  readonly name: string;
  readonly kind: 'phase' | 'call' | 'begun';
  /** JSON; undefined: the step gave nothing. */
  readonly result?: string;
}

/** What led to the request, for its events. */
export interface RequestContext {
  readonly traceparent?: string;
  readonly correlationId?: string;
}

/** The right to work on a key, until another one has a higher epoch. */
export interface Lease {
  readonly scopedKey: ScopedKey;
  readonly epoch: string;
  readonly attempt: number;
  readonly runId: string;
  readonly context: RequestContext;
  /** JSON. */
  readonly input: string;
  readonly steps: readonly StoredStep[];
}

/** What was found under a key. */
export type Found =
  | { readonly kind: 'lease'; readonly lease: Lease }
  | { readonly kind: 'state'; readonly state: KeyState; readonly final: FinalReply | undefined };

/** What a first request brings. */
export interface Claim {
  readonly fingerprint: string;
  readonly input: string;
  readonly context: RequestContext;
}

/** How keys are kept. */
export interface KeyStoreOptions {
  readonly database: DatabaseHandle;
  readonly installation: string;
  readonly schemaName: string;
  readonly holder: string;
  readonly leaseMs: number;
  readonly expiryMs: number;
}

type Queryable = Pick<TransactionHandle, 'query'>;

/** The rows of keys. Every write of a holder is fenced by its epoch; the clock is the database's. */
export class KeyStore {
  readonly #options: KeyStoreOptions;
  readonly #sql: IdempotencySql;

  constructor(options: KeyStoreOptions) {
    this.#options = options;
    this.#sql = createIdempotencySql(options.schemaName);
  }

  /** Claims a key that nobody has, or tells what is there. */
  async claim(scopedKey: ScopedKey, { fingerprint, input, context }: Claim): Promise<Found> {
    const { database, holder, leaseMs, expiryMs } = this.#options;
    const limits = [String(leaseMs), String(expiryMs)];
    const parameters = [fingerprint, input, holder, ...limits, JSON.stringify(context)];
    try {
      const [row] = await this.#run(database, this.#sql.claim, [...this.#keyOf(scopedKey), ...parameters]);
      return readFound(scopedKey, row);
    } catch (thrown) {
      if (isLocked(thrown)) return this.read(scopedKey);
      throw thrown;
    }
  }

  async read(scopedKey: ScopedKey): Promise<Found> {
    const [row] = await this.#run(this.#options.database, this.#sql.read, this.#keyOf(scopedKey));
    return readFound(scopedKey, row);
  }

  /** Undefined: another one was faster, or the commit of the former holder is under way. */
  async takeOver(scopedKey: ScopedKey, epoch: string): Promise<Lease | undefined> {
    const { database, holder, leaseMs } = this.#options;
    const parameters = [...this.#keyOf(scopedKey), epoch, holder, String(leaseMs)];
    try {
      const [row] = await this.#run(database, this.#sql.takeOver, parameters);
      return row === undefined ? undefined : readLease(scopedKey, row);
    } catch (thrown) {
      if (isLocked(thrown)) return undefined;
      throw thrown;
    }
  }

  /** False: the lease is another's, or the key has finished. */
  async renew(lease: Lease): Promise<boolean> {
    const { database, leaseMs } = this.#options;
    return this.#holds(database, this.#sql.renew, [...this.#asHolder(lease), String(leaseMs)]);
  }

  /** Gives the lease up. Waits for a commit of this holder that is under way. False: nothing was to give up. */
  async release(lease: Lease): Promise<boolean> {
    return this.#holds(this.#options.database, this.#sql.release, this.#asHolder(lease));
  }

  /** In the transaction of the step, or by itself. False: the lease is another's, or there is a step at its place. */
  async addStep(
    lease: Lease,
    { place, ...step }: StoredStep & { readonly place: number },
    queryable: Queryable = this.#options.database,
  ): Promise<boolean> {
    const recoveryPoint = step.kind === 'begun' ? null : step.name;
    const written = [JSON.stringify(step), recoveryPoint, String(this.#options.leaseMs), String(place)];
    return this.#holds(queryable, this.#sql.addStep, [...this.#asHolder(lease), ...written]);
  }

  /** Whether more than `stepCount` steps of a key are stored, or it is finished: what a holder asks whose client hides the answer to COMMIT. */
  async hasMore({ scopedKey }: Lease, stepCount: number): Promise<boolean> {
    return this.#holds(this.#options.database, this.#sql.hasMore, [...this.#keyOf(scopedKey), String(stepCount)]);
  }

  /** In the transaction of the effects, or by itself. Undefined: the lease is another's. */
  async finish(
    lease: Lease,
    reply: StoredReply,
    queryable: Queryable = this.#options.database,
  ): Promise<FinalReply | undefined> {
    const { status, headers, body } = reply;
    const parameters = [
      String(status),
      JSON.stringify(headers),
      body,
      String(this.#options.expiryMs),
      String(this.#options.leaseMs),
    ];
    const [row] = await this.#run(queryable, this.#sql.finish, [...this.#asHolder(lease), ...parameters]);
    return row === undefined ? undefined : { reply, expiresAtSeconds: Number(row['expires']) };
  }

  /** Keys whose lease has ended, longest first. */
  async listAbandoned(query: {
    readonly operations: readonly string[];
    readonly graceMs: number;
    readonly attemptsMax: number;
    readonly limit: number;
  }): Promise<readonly (ScopedKey & { readonly epoch: string })[]> {
    const { operations, graceMs, attemptsMax, limit } = query;
    const parameters = [JSON.stringify(operations), String(graceMs), String(attemptsMax), String(limit)];
    const { database, installation } = this.#options;
    const rows = await this.#run(database, this.#sql.listAbandoned, [installation, ...parameters]);
    return rows.map((row) => ({ ...readScopedKey(row), epoch: String(row['epoch']) }));
  }

  async listUnfinished(ageMs: number, limit: number): Promise<readonly UnfinishedKey[]> {
    const { database, installation } = this.#options;
    const rows = await this.#run(database, this.#sql.listUnfinished, [installation, String(ageMs), String(limit)]);
    return rows.map((row) => ({
      ...readScopedKey(row),
      recoveryPoint: String(row['point']),
      attempts: Number(row['attempts']),
      holder: String(row['holder']),
      isHeld: row['held'] === 'true',
      createdAt: new Date(Number(row['created'])),
    }));
  }

  /** How many were forgotten: those that have finished and expired, at most `limit`. */
  async reap(limit: number): Promise<number> {
    const { database, installation } = this.#options;
    return (await this.#run(database, this.#sql.reap, [installation, String(limit)])).length;
  }

  #keyOf({ principal, operation, key }: ScopedKey): readonly string[] {
    return [this.#options.installation, principal, operation, key];
  }

  #asHolder({ scopedKey, epoch }: Lease): readonly string[] {
    return [...this.#keyOf(scopedKey), epoch];
  }

  async #holds(
    queryable: Queryable,
    text: string,
    parameters: readonly (string | null | Uint8Array)[],
  ): Promise<boolean> {
    return (await this.#run(queryable, text, parameters)).length > 0;
  }

  async #run(
    queryable: Queryable,
    text: string,
    parameters: readonly (string | null | Uint8Array)[],
  ): Promise<readonly ResultRow[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await queryable.query(text, parameters);
      } catch (thrown) {
        // By itself a statement has done nothing then, and sees the other's row the next time.
        const mayRunAgain = queryable === this.#options.database && attempt < attemptsMax && isConflict(thrown);
        if (!mayRunAgain) throw toStoreError(thrown);
      }
    }
  }
}

/** From `repeatable read` on, a statement fails with a row that was written since it began: as often as there are others. */
const attemptsMax = 20;

/** A key that is not finished, for people. */
export interface UnfinishedKey extends ScopedKey {
  /** The last step that is done; `started` before the first. */
  readonly recoveryPoint: string;
  readonly attempts: number;
  /** Who worked on it last. */
  readonly holder: string;
  /** Whether it is being worked on now. */
  readonly isHeld: boolean;
  readonly createdAt: Date;
}

/** No such table, schema or column, or no right to it. */
const missingStates: ReadonlySet<unknown> = new Set(['42P01', '3F000', '42703', '42501']);

/** The commit of a holder is under way: lock_not_available. */
function isLocked(thrown: unknown): boolean {
  return sqlStateOf(thrown) === '55P03';
}

function toStoreError(thrown: unknown): unknown {
  const sqlState = sqlStateOf(thrown);
  if (!missingStates.has(sqlState)) return thrown;
  const message = `the table of idempotency keys cannot be used (SQLSTATE ${String(sqlState)})`;
  return new HeadwaterError('HW-IDEMPOTENCY-013', message, { cause: thrown });
}

function readFound(scopedKey: ScopedKey, row: ResultRow | undefined): Found {
  if (row === undefined) return { kind: 'state', state: { kind: 'absent' }, final: undefined };
  if (row['claimed'] === 'true') return { kind: 'lease', lease: readLease(scopedKey, row) };
  const fingerprint = String(row['fingerprint']);
  if (row['status'] !== null) {
    return { kind: 'state', state: { kind: 'finished', fingerprint }, final: readFinal(row) };
  }
  const leaseRemainingMs = Number(row['remaining']);
  const state = { kind: 'running', fingerprint, epoch: String(row['epoch']), leaseRemainingMs } as const;
  return { kind: 'state', state, final: undefined };
}

function readFinal(row: ResultRow): FinalReply {
  const body = Uint8Array.from(atob(String(row['body'])), (character) => character.charCodeAt(0));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `finish`.
  const headers = JSON.parse(String(row['headers'])) as StoredReply['headers'];
  return { reply: { status: Number(row['status']), headers, body }, expiresAtSeconds: Number(row['expires']) };
}

function readLease(scopedKey: ScopedKey, row: ResultRow): Lease {
  return {
    scopedKey,
    epoch: String(row['epoch']),
    attempt: Number(row['attempt']),
    runId: String(row['run']),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `claim`.
    context: JSON.parse(String(row['context'])) as RequestContext,
    input: String(row['input']),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `addStep`.
    steps: JSON.parse(String(row['steps'])) as readonly StoredStep[],
  };
}

function readScopedKey(row: ResultRow): ScopedKey {
  return { principal: String(row['principal']), operation: String(row['operation']), key: String(row['key']) };
}
