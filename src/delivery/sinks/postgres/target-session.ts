import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { parseConnectionUrl } from '../../../postgres/connection-options.ts';
import { closePgClient, openPgClient, type PgClient, socketOf } from '../../../postgres/pg-driver.ts';
import type { LentClient, PostgresSinkOptions } from './postgres-options.ts';
import { toTargetError } from './target-error.ts';

/** A statement with what it is for, for messages. */
export interface TargetQuery {
  readonly subject: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Turns a refusal that means something special here into its own error. */
  readonly explain?: (sqlState: string) => HeadwaterError | undefined;
}

/** What came back of a statement. */
export interface TargetResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The command tag's first word: `COMMIT`. */
  readonly command: string;
}

interface SessionClient {
  /** Statements may be sent without waiting for the replies before them. */
  readonly isPipelined: boolean;
  query(text: string, values?: readonly unknown[]): Promise<unknown>;
  /** Ends the session; what is open in it is rolled back. */
  close(isBroken: boolean): Promise<void>;
}

/** Beyond the server's own limit: for a server or a path that answers nothing any more. */
const replyGraceMs = 5000;

/** One session with the target. The first failure ends it: whatever was open is rolled back by the server. */
export class TargetSession {
  readonly #client: SessionClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #isOpen = true;

  constructor(client: SessionClient, options: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.#client = client;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async run(query: TargetQuery, signal: AbortSignal): Promise<TargetResult> {
    const [result] = await this.runAll([query], signal);
    return result ?? { rows: [], command: '' };
  }

  /**
   * Runs statements in order, in one round trip where the driver can. The first that fails is reported.
   * @throws HW-SINK codes. Rejects with `signal.reason` on cancel; the session is then closed.
   */
  async runAll(queries: readonly TargetQuery[], signal: AbortSignal): Promise<readonly TargetResult[]> {
    signal.throwIfAborted();
    if (!this.#isOpen) throw new HeadwaterError('HW-SINK-001', 'the session with the target has ended');
    let hasTimedOut = false;
    const giveUp = (): void => void this.#end(true);
    const timer = this.#clock.setTimer(this.#timeoutMs * queries.length + replyGraceMs, () => {
      hasTimedOut = true;
      giveUp();
    });
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await (this.#client.isPipelined ? this.#runTogether(queries) : this.#runOneByOne(queries));
    } catch (thrown) {
      await this.#end(true);
      signal.throwIfAborted();
      if (hasTimedOut)
        throw new HeadwaterError('HW-SINK-004', `the target has not answered within ${this.#timeoutMs} ms`);
      throw thrown;
    } finally {
      timer.clear();
      signal.removeEventListener('abort', giveUp);
    }
  }

  async close(): Promise<void> {
    await this.#end(false);
  }

  async #runTogether(queries: readonly TargetQuery[]): Promise<readonly TargetResult[]> {
    const replies = await Promise.allSettled(queries.map((query) => this.#query(query)));
    return replies.map((reply) => {
      if (reply.status === 'rejected') throw reply.reason;
      return reply.value;
    });
  }

  async #runOneByOne(queries: readonly TargetQuery[]): Promise<readonly TargetResult[]> {
    const results: TargetResult[] = [];
    for (const query of queries) results.push(await this.#query(query));
    return results;
  }

  async #query({ subject, text, values, explain }: TargetQuery): Promise<TargetResult> {
    try {
      return readResult(await this.#client.query(text, values));
    } catch (thrown) {
      const error = toTargetError(thrown, subject);
      const sqlState = error.details['sqlState'];
      throw (typeof sqlState === 'string' ? explain?.(sqlState) : undefined) ?? error;
    }
  }

  async #end(isBroken: boolean): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#client.close(isBroken);
  }
}

/** How a session is opened. */
export interface SessionContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly applicationName: string;
}

/** Opens a session: a connection of its own, or a client that the user's pool lends. @throws HW-SINK codes. */
export async function openTargetSession(options: PostgresSinkOptions, context: SessionContext): Promise<TargetSession> {
  const client = options.pool === undefined ? await openOwn(options.url ?? '', context) : await borrow(options.pool);
  return new TargetSession(client, context);
}

async function openOwn(
  url: string | (() => string | Promise<string>),
  context: SessionContext,
): Promise<SessionClient> {
  try {
    const options = {
      ...parseConnectionUrl(typeof url === 'string' ? url : await url()),
      applicationName: context.applicationName,
    };
    const start = {
      settings: { idle_in_transaction_session_timeout: '0' },
      replication: 'none',
      pipeline: true,
    } as const;
    return ownClient(await openPgClient(options, start, context.signal));
  } catch (thrown) {
    context.signal.throwIfAborted();
    throw toTargetError(thrown, 'connecting to the target');
  }
}

function ownClient(client: PgClient): SessionClient {
  return {
    isPipelined: isPipelined(client),
    query: (text, values) => (values === undefined ? client.query(text) : client.query(text, [...values])),
    close: async (isBroken) => {
      // A path that moves nothing would never take the bytes that are still to be sent, let alone a goodbye behind them.
      if (isBroken) socketOf(client).destroy();
      await closePgClient(client);
    },
  };
}

async function borrow(pool: { connect(): Promise<LentClient> }): Promise<SessionClient> {
  try {
    const client = await pool.connect();
    // A client that is lent has no listener of its pool's: without one, a connection lost between two writes ends the program.
    const ignore = (): void => undefined;
    client.on?.('error', ignore);
    return {
      isPipelined: isPipelined(client),
      query: (text, values) => (values === undefined ? client.query(text) : client.query(text, values)),
      close: (isBroken) => {
        client.release(isBroken);
        client.removeListener?.('error', ignore);
        return Promise.resolve();
      },
    };
  } catch (thrown) {
    throw toTargetError(thrown, 'taking a client from the pool of the target');
  }
}

/** Several statements in one text give a list of results; the last one counts. */
function readResult(reply: unknown): TargetResult {
  const last: unknown = Array.isArray(reply) ? reply.at(-1) : reply;
  if (typeof last !== 'object' || last === null) return { rows: [], command: '' };
  const rows: unknown = Reflect.get(last, 'rows');
  const command: unknown = Reflect.get(last, 'command');
  return {
    rows: Array.isArray(rows) ? rows.filter((row) => typeof row === 'object' && row !== null) : [],
    command: typeof command === 'string' ? command : '',
  };
}

/** A client of pg 8.23 or later that was made with `pipeline: true`. */
function isPipelined(client: object): boolean {
  return Reflect.get(client, 'pipeline') === true;
}
