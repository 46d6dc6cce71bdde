import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Random, systemRandom } from '../../foundation/random.ts';
import { createUuidV7 } from '../../foundation/uuid.ts';
import type { IsolationLevel } from '../../postgres/database-handle.ts';
import { recognizeDatabaseHandle } from '../../postgres/recognize-database.ts';
import { KeyStore } from './key-store.ts';
import type { RunTools } from './run-operation.ts';
import { isFinalStatus } from './stored-reply.ts';

/** An attempt that gave no final answer. */
export interface FailedAttempt {
  readonly operation: string;
  readonly principal: string;
  readonly key: string;
  readonly attempt: number;
  /** The request of a client, or the completer. */
  readonly by: 'request' | 'completer';
}

/** How keys are kept and operations run. */
export interface IdempotencyOptions {
  /**
   * Whose request it is: keys of one principal never meet those of another. From what was authenticated, never from what the client
   * says of itself. A `Response` refuses the request. At most 255 characters. `native` is what the framework gave its adapter: the
   * request of Express, Fastify or NestJS, the context of Hono.
   */
  readonly principal: (request: Request, native: unknown) => string | Response | Promise<string | Response>;
  /** Told of every attempt that threw. Its answer to the client says no more than that. */
  readonly onFailure: (error: unknown, attempt: FailedAttempt) => void;
  /** Name of the installation. Default `main`. */
  readonly installation?: string;
  /** Schema of Headwater's tables. Default `headwater`. */
  readonly schemaName?: string;
  /**
   * How long nobody else may take an operation up after its holder was last heard of. Renewed while it runs, but not while a transaction of
   * `repeatable read` or `serializable` is open: it must be longer than the longest of those. Default 30,000 ms.
   */
  readonly leaseMs?: number;
  /** How long a request waits for another one with the same key. Default 5000 ms. */
  readonly waitMsMax?: number;
  /** How long the answer is kept, from its end on. Default 24 hours, which is also the least. */
  readonly expiryMs?: number;
  /** Body of a request, at most. Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Body of an answer, at most. Default 1 MiB. */
  readonly responseBytesMax?: number;
  /** Default: what the session has. */
  readonly isolationLevel?: IsolationLevel;
  /** Whether an answer of this status is kept. Default: all but 5xx, 408, 425 and 429. */
  readonly isFinal?: (status: number) => boolean;
  /** Bytes that say what a request asks for. Default: method, path with query, and body. */
  readonly fingerprint?: (request: FingerprintInput) => string | Uint8Array;
  /** Who holds leases, for people. Default: a new UUID. */
  readonly holder?: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What a fingerprint is taken of. */
export interface FingerprintInput {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** 24 hours: clients repeat for a day. */
export const expiryMsDefault = 86_400_000;

/** Options with every default. */
export interface IdempotencySettings {
  readonly principal: IdempotencyOptions['principal'];
  readonly onFailure: IdempotencyOptions['onFailure'];
  readonly fingerprint: IdempotencyOptions['fingerprint'];
  readonly leaseMs: number;
  readonly waitMsMax: number;
  readonly bodyBytesMax: number;
  readonly tools: RunTools;
}

const mebibyte = 1_048_576;

/** @throws HW-IDEMPOTENCY-011 for what is no database that is known, HW-IDEMPOTENCY-014 for a limit that cannot hold. */
export function toSettings(db: unknown, options: IdempotencyOptions): IdempotencySettings {
  const database = recognizeDatabaseHandle(db);
  if (database === undefined) {
    throw new HeadwaterError('HW-IDEMPOTENCY-011', 'createIdempotency was given no pool or root database object');
  }
  const { clock = systemClock, random = systemRandom } = options;
  const leaseMs = assertLimit('leaseMs', options.leaseMs ?? 30_000, 100);
  const store = new KeyStore({
    database,
    installation: options.installation ?? 'main',
    schemaName: options.schemaName ?? 'headwater',
    holder: options.holder ?? createUuidV7(clock.now(), random),
    leaseMs,
    expiryMs: assertLimit('expiryMs', options.expiryMs ?? expiryMsDefault, expiryMsDefault),
  });
  return {
    principal: options.principal,
    onFailure: options.onFailure,
    fingerprint: options.fingerprint,
    leaseMs,
    waitMsMax: assertLimit('waitMsMax', options.waitMsMax ?? 5000, 0),
    bodyBytesMax: assertLimit('bodyBytesMax', options.bodyBytesMax ?? mebibyte, 0),
    tools: {
      database,
      store,
      clock,
      random,
      isolationLevel: options.isolationLevel,
      responseBytesMax: assertLimit('responseBytesMax', options.responseBytesMax ?? mebibyte, 0),
      isFinal: options.isFinal ?? isFinalStatus,
    },
  };
}

function assertLimit(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new HeadwaterError('HW-IDEMPOTENCY-014', `${name} is ${value}; it is a whole number of at least ${least}`);
}
